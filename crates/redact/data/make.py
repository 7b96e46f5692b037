"""Writes given-names.txt, surnames.txt and places.txt from own-names.txt and the lists of two makers of test data (PyPI faker and
mimesis, both MIT; data/NOTICE has their licences).

    python -m pip install faker==40.63.0 mimesis==22.2.0 && python make.py WORDS…

and common-words.bloom from WORDS, lists of Dutch and English words, one a line (OpenTaal's and SCOWL's, as Debian's packages wdutch
and wamerican have them; data/NOTICE), and what own-names.txt has under `@common`.

Names in Latin letters of every locale there is: people of all origins write to a Dutch authority. One name a line, sorted, as they
are written. Deterministic.
"""

import importlib
import json
import os
import pathlib
import re
import sys
import unicodedata

import faker
import mimesis

HERE = os.path.dirname(os.path.abspath(__file__))
LETTERS = re.compile(r"^[^\W\d_]+(?:['’\- ][^\W\d_]+)*$|^'[st][- ][^\W\d_]+(?:[\- ][^\W\d_]+)*$")
DUMMIES = {"Doe", "John", "Jane"}


def latin(name):
    return all("LATIN" in unicodedata.name(c, "") or not c.isalpha() for c in name)


def people(attributes):
    found = set()
    folder = os.path.join(os.path.dirname(faker.__file__), "providers", "person")
    for locale in sorted(os.listdir(folder)):
        if "_" not in locale or locale.startswith("__"):
            continue
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute in attributes:
            names = getattr(provider, attribute, ())
            if isinstance(names, property):
                continue
            found.update(str(name).strip() for name in names)
    return found


def mimesis_people(attribute):
    """The names of mimesis: lists, or lists by sex."""
    found = set()
    for file in sorted(pathlib.Path(mimesis.__file__).parent.glob("datasets/*/person.json")):
        names = json.loads(file.read_text(encoding="utf-8")).get(attribute, [])
        for part in names.values() if isinstance(names, dict) else [names]:
            found.update(name.strip() for name in part)
    return found


def own(section):
    """The names under `@section` in own-names.txt."""
    text = pathlib.Path(HERE, "own-names.txt").read_text(encoding="utf-8")
    lines = text.split("@" + section)[1].split("@")[0].splitlines()
    return {name for line in lines if not line.startswith("#") for name in line.split()}


def write(file, names):
    names = {unicodedata.normalize("NFC", n) for n in names}
    names = sorted(n for n in names if len(n) > 1 and latin(n) and LETTERS.match(n))
    with open(os.path.join(HERE, file), "w", encoding="utf-8") as out:
        out.writelines(name + "\n" for name in names)
    print(file, len(names))


given = people(["first_names", "first_names_male", "first_names_female", "first_names_unisex", "first_names_nonbinary"])
last = people(["last_names", "last_names_male", "last_names_female", "last_names_unisex", "unisex_last_names"])
places = set()
for locale in ("nl_NL", "nl_BE"):
    places.update(importlib.import_module(f"faker.providers.address.{locale}").Provider.cities)
# Municipalities that are named after no town, and places abroad that people come from.
places.update("""Aa en Hunze;Achtkarspelen;Albrandswaard;Altena;Beekdaelen;Berg en Dal;Berkelland;Bodegraven-Reeuwijk;Borger-Odoorn;
Bronckhorst;Dantumadiel;De Fryske Marren;De Ronde Venen;De Wolden;Dijk en Waard;Dinkelland;Drimmelen;Echt-Susteren;Eemsdelta;
Eijsden-Margraten;Gemert-Bakel;Goeree-Overflakkee;Gooise Meren;Gulpen-Wittem;Haarlemmermeer;Het Hogeland;Hoeksche Waard;Hof van Twente;
Hollands Kroon;Horst aan de Maas;Kaag en Braassem;Krimpenerwaard;Laarbeek;Land van Cuijk;Lansingerland;Leudal;Lingewaard;Maasgouw;
Maashorst;Meierijstad;Midden-Delfland;Midden-Drenthe;Midden-Groningen;Molenlanden;Montferland;Neder-Betuwe;Nissewaard;Noardeast-Fryslân;
Noordenveld;Oldambt;Oost Gelre;Ooststellingwerf;Opsterland;Oude IJsselstreek;Overbetuwe;Peel en Maas;Pijnacker-Nootdorp;
Schouwen-Duiveland;Sittard-Geleen;Smallingerland;Steenwijkerland;Stichtse Vecht;Súdwest-Fryslân;Teylingen;Twenterand;Tynaarlo;
Tytsjerksteradiel;Utrechtse Heuvelrug;Vijfheerenlanden;Voorne aan Zee;Waadhoeke;West Betuwe;West Maas en Waal;Westerkwartier;
Westerwolde;Westland;Weststellingwerf;Wijdemeren;Zaanstad;Zuidplas;Zwartewaterland;Paramaribo;Nickerie;Istanbul;Ankara;Izmir;Konya;
Casablanca;Rabat;Nador;Tanger;Fez;Marrakesh;Agadir;Al Hoceima;Warschau;Krakau;Gdańsk;Wrocław;Łódź;Kyiv;Kiev;Charkiv;Lviv;Odesa;Damascus;
Aleppo;Homs;Bagdad;Mosul;Erbil;Teheran;Kabul;Asmara;Mogadishu;Hargeisa;Addis Abeba;Accra;Kumasi;Lagos;Kinshasa;Freetown;Praia;Willemstad;
Oranjestad;Philipsburg;Kralendijk;Jakarta;Bandung;Surabaya;Ambon;Hongkong;Peking;Shanghai;Hanoi;Manila;Delhi;Mumbai;Lahore;Karachi;Islamabad;
Dhaka;Colombo;Londen;Parijs;Berlijn;Keulen;Düsseldorf;Hamburg;München;Frankfurt;Wenen;Zürich;Rome;Milaan;Napels;Madrid;Barcelona;Sevilla;
Lissabon;Porto;Boekarest;Cluj;Sofia;Plovdiv;Boedapest;Praag;Bratislava;Belgrado;Zagreb;Sarajevo;Athene;Thessaloniki;Kopenhagen;Oslo;
Stockholm;Helsinki;Riga;Vilnius;Tallinn;Dublin;Moskou;Tbilisi;Jerevan;Bakoe;Beiroet;Amman;Caïro;Tunis;Algiers;Tripoli;New York;Toronto;
Caracas;Bogotá;Lima;Marokko;Turkije;Polen;Suriname;Syrië;Oekraïne;Eritrea;Somalië;Afghanistan;Irak;Iran;Curaçao;Aruba""".replace("\n", "").split(";"))
given |= mimesis_people("names") | own("given")
last |= mimesis_people("surnames") | own("surnames")
write("given-names.txt", given - DUMMIES | {"John", "Jane"})
write("surnames.txt", last - {"Doe"})
write("places.txt", places)


# The words that are written without a capital, as a Bloom filter (Bloom 1970): 2^22 bits, four of them a word.
BITS = 22


def mix(h):
    mask = (1 << 64) - 1
    h = ((h ^ (h >> 33)) * 0xFF51AFD7ED558CCD) & mask
    h = ((h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53) & mask
    return h ^ (h >> 33)


def fnv(word):
    h = 0xCBF29CE484222325
    for byte in word.lower().encode():
        h = ((h ^ byte) * 0x100000001B3) & ((1 << 64) - 1)
    return mix(h)


if len(sys.argv) > 1:
    bits = bytearray(1 << (BITS - 3))
    count = 0
    lines = (line.strip() for path in sys.argv[1:] for line in open(path, encoding="utf-8"))
    words = {unicodedata.normalize("NFC", line.removesuffix("'s")) for line in lines}
    for word in sorted({word for word in words if len(word) > 1 and word[0].islower()} | own("common")):
        count += 1
        h = fnv(word)
        for at in (h, h >> BITS, h >> 42, mix(h)):
            at &= (1 << BITS) - 1
            bits[at >> 3] |= 1 << (at & 7)
    with open(os.path.join(HERE, "common-words.bloom"), "wb") as out:
        out.write(bytes(bits))
    print("common-words.bloom", count, sum(bin(b).count("1") for b in bits) / (1 << BITS))
