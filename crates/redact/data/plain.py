"""Writes plain.txt: Dutch and English text in which nobody is named, for training. Not kept here; made again from

    apt-get download libreoffice-help-nl=4:7.4.7-1+deb12u14 libreoffice-l10n-nl=4:7.4.7-1+deb12u14 wdutch=1:2.20.19-2
    apt-get download libreoffice-help-en-us=4:7.4.7-1+deb12u14 python-django-doc=3:3.2.25-0+deb12u7 wamerican=2020.12.07-2
    dpkg -x each DEB into FOLDER; pip download --no-deps django==5.1.4, unzip it into FOLDER
    python plain.py FOLDER > plain.txt

LibreOffice's help and its messages (MPL 2.0), Django's messages and manual (BSD), and words of OpenTaal's list (BSD) and SCOWL's in the places where forms,
tables, headings and chats have them. Deterministic. A line with a word that is more of a name than of the language is left out.
"""

import gettext
import glob
import html
import os
import random
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = sys.argv[1]
# Words made and texts taken, by language.
DUTCH, ENGLISH = ("dutch", 24_000, 34_000), ("american-english", 8_000, 12_000)


def lines_of(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return [line.strip() for line in file]


names = {part for file in ("given-names.txt", "surnames.txt", "places.txt") for name in lines_of(file) for part in name.split()}


def dictionary(name):
    with open(glob.glob(os.path.join(FOLDER, "**", "dict", name), recursive=True)[0], encoding="utf-8") as file:
        listed = [line.strip() for line in file]
    return {word for word in listed if word[:1].islower() and word.isalpha() and len(word) > 2}


common = {name: dictionary(name) for name, _, _ in (DUTCH, ENGLISH)}
random.seed(20_261_127)


def parts(*places):
    for path in sorted(glob.glob(os.path.join(FOLDER, "**", *places, "**", "*.html"), recursive=True)):
        with open(path, encoding="utf-8", errors="replace") as file:
            page = file.read()
        for part in re.findall(r"<(?:p|h\d|td|li)\b[^>]*>(.*?)</(?:p|h\d|td|li)>", page, re.S):
            yield html.unescape(re.sub(r"<[^>]+>", "", part))


def texts(language):
    if language == "american-english":
        yield from parts("en-US", "text")
        yield from parts("python-django-doc", "html")
        return
    yield from parts("nl", "text")
    for path in sorted(glob.glob(os.path.join(FOLDER, "**", "nl", "LC_MESSAGES", "*.mo"), recursive=True)):
        with open(path, "rb") as file:
            yield from (value for value in gettext.GNUTranslations(file)._catalog.values() if isinstance(value, str))


def nameless(text, common):
    inner = re.findall(r"[^\W\d_]+", text)
    return not any(word in names and word.lower() not in common for word in inner if word[:1].isupper())


def tidy(text):
    return re.sub(r"\s+", " ", text.replace("~", "").replace("_", "")).strip()


def changed(text):
    """Now and then as careless people and headings write."""
    way = random.random()
    if way < 0.12:
        return text.lower()
    if way < 0.17:
        return text.upper()
    if way < 0.22:
        return text.title()
    return text


def made(words):
    """Words in the places of forms, tables, headings and chats."""
    def w():
        return random.choice(words)

    def c():
        return w().capitalize()

    ways = [
        lambda: f"{c()}: {w()}", lambda: f"{c()}: {c()}", lambda: f"{c()} {w()}", lambda: f"{c()} {w()} {w()}",
        lambda: f"| {c()} | {c()} | {c()} |", lambda: f"{w()};{w()};{w()};{w()}", lambda: f"{c()}, {w()} en {w()}.",
        lambda: f"- {c()}", lambda: f"{random.randint(1, 9)}. {c()} {w()}", lambda: f"{w().upper()}", lambda: f"{w().upper()} {w().upper()}",
        lambda: f"{c()}?", lambda: f"{c()} en {c()}", lambda: f"{c()}{w()}, {random.randint(1, 99)}", lambda: f"[{c()}] {w()}: {w()}",
        lambda: f"de {c()}", lambda: f"het {c()} van de {c()}", lambda: f"{c()} {c()}", lambda: f"{w()} {w()} {w()}",
        lambda: f"Dag {w()}", lambda: f"hoi {w()}", lambda: f'"{w()}": "{w()}"', lambda: f'"{w()}": "{c()}"', lambda: f"{c()} {random.randint(1, 2030)}",
        lambda: f"Wet {w()}", lambda: f"Regeling {w()} {w()}", lambda: f"Zaal {c()}", lambda: f"Afdeling {c()}", lambda: f"Team {c()}",
        lambda: f"Stichting {c()}", lambda: f"Project {c()}", lambda: f"{c()} ({w()})", lambda: f"{c()} - {c()}", lambda: f"{c()} / {c()}",
        lambda: f"de {w()} van {w()}", lambda: f"{w()} van de {w()}", lambda: f"Commissie {c()}", lambda: f"Ministerie van {c()}", lambda: f"{c()}wet",
    ]
    return random.choice(ways)()


out = []
for language, words_made, text_max in (DUTCH, ENGLISH):
    seen = set()
    for text in texts(language):
        text = tidy(text)
        fits = 3 < len(text) < 400 and len(re.findall(r"[^\W\d_]{2,}", text)) > 0
        if fits and text not in seen and nameless(text, common[language]):
            seen.add(text)
    plain = sorted(seen)
    random.shuffle(plain)
    out += [changed(text) for text in plain[:text_max]]
    words = sorted(word for word in common[language] if word.capitalize() not in names)
    out += [made(words) for _ in range(words_made)]
sys.stdout.reconfigure(encoding="utf-8")
print("\n".join(out))
