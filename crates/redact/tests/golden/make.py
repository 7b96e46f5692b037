#!/usr/bin/env python3
"""Writes identifiers.tsv: numbers judged by python-stdnum 2.2, the oracle for our validators.

    pip install --target /tmp/stdnum python-stdnum==2.2
    PYTHONPATH=/tmp/stdnum python3 make.py > identifiers.tsv

A line is: kind, tab, number, tab, 1 (valid) or 0. All numbers are random, from a fixed seed. IBANs are judged by mod 97 and
the country's structure alone (check_country=False), since national account checks are no part of ISO 13616.
"""
import datetime
import random

from stdnum import iban, imei, luhn
from stdnum.at import vnr
from stdnum.be import bis, nn
from stdnum.bg import egn
from stdnum.ch import ssn
from stdnum.cy import vat as cy_vat
from stdnum.cz import rc as cz_rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gr import amka
from stdnum.gr import vat as gr_vat
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.it import codicefiscale
from stdnum.lt import asmens
from stdnum.lv import pvn
from stdnum.nl import bsn, btw, onderwijsnummer
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.si import emso
from stdnum.sk import rc as sk_rc

RANDOM = random.Random(20240501)
COUNTRIES = {
    "NL": "AAAA9999999999", "DE": "9" * 18, "BE": "9" * 12, "FR": "9" * 10 + "X" * 11 + "99", "GB": "AAAA" + "9" * 14,
    "ES": "9" * 20, "IT": "A" + "9" * 10 + "X" * 12, "PL": "9" * 24, "MT": "AAAA" + "9" * 5 + "X" * 18, "NO": "9" * 11,
    "AT": "9" * 16, "CH": "9" * 5 + "X" * 12, "PT": "9" * 21, "SE": "9" * 20, "TR": "9" * 6 + "X" * 16,
}
CLASSES = {"A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "9": "0123456789", "X": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"}


def bsns():
    for n in range(600):
        length = 9 if n % 4 else 8
        number = "".join(RANDOM.choice("0123456789") for _ in range(length))
        if n % 2:
            # Half of them valid: try last digits until the oracle agrees.
            for last in "0123456789":
                if bsn.is_valid(number[:-1] + last):
                    number = number[:-1] + last
                    break
        yield number, bsn.is_valid(number)
    for number in ["000000000", "00000000", "111111110", "999999990", "123456782", "123456789"]:
        yield number, bsn.is_valid(number)


def ibans():
    for country, shape in COUNTRIES.items():
        for n in range(16):
            account = "".join(RANDOM.choice(CLASSES[c]) for c in shape)
            number = country + "00" + account
            value = int("".join(str(int(c, 36)) for c in account + country + "00"))
            number = country + f"{98 - value % 97:02d}" + account
            if n % 4 == 1:  # one digit wrong
                at = RANDOM.choice([i for i, c in enumerate(number) if c.isdigit() and i > 3])
                number = number[:at] + str((int(number[at]) + RANDOM.randint(1, 9)) % 10) + number[at + 1:]
            elif n % 4 == 2:  # two neighbours swapped
                at = RANDOM.randrange(4, len(number) - 1)
                number = number[:at] + number[at + 1] + number[at] + number[at + 2:]
            yield number, iban.is_valid(number, check_country=False)


# One line a type: how a number begins (see `begin`), what its check characters may be, and the oracle. Written without
# separators, as the validators take it.
OTHERS = {
    "onderwijsnummer": ("10######", "9", onderwijsnummer.is_valid),
    "btw": ("NL#########B", "99", btw.is_valid),
    "imei": ("35############", "9", lambda n: imei.validate(n) == n),
    "luhn": ("4##############", "9", luhn.is_valid),
    "at": ("", "", vnr.is_valid),
    "be": ("yymmdd###", "99", lambda n: nn.is_valid(n) or bis.is_valid(n)),
    "bg": ("yymmdd###", "9", egn.is_valid),
    "ch": ("756#########", "9", ssn.is_valid),
    "cy": ("9#######", "A", cy_vat.is_valid),
    "cz": ("yymmdd###", "9", cz_rc.is_valid),
    "sk": ("yymmdd###", "9", sk_rc.is_valid),
    "de": ("", "9", idnr.is_valid),
    "dk": ("ddmmyy1###", "", cpr.is_valid),
    "ee": ("3yymmdd###", "9", ik.is_valid),
    "es": ("########", "A", lambda n: dni.is_valid(n) or nie.is_valid(n)),
    "fi": ("ddmmyy", "", hetu.is_valid),
    "fr": ("1yymm########", "99", nir.is_valid),
    "gr": ("ddmmyy####", "9", amka.is_valid),
    "gr-afm": ("1#######", "9", gr_vat.is_valid),
    "hr": ("##########", "9", oib.is_valid),
    "ie": ("#######", "A", pps.is_valid),
    "it": ("AAAAAA", "A", codicefiscale.is_valid),
    "lt": ("4yymmdd###", "9", asmens.is_valid),
    "lv": ("ddmmyy1###", "9", pvn.is_valid),
    "no": ("ddmmyy1##", "99", fodselsnummer.is_valid),
    "pl": ("yymmdd####", "9", pesel.is_valid),
    "pt": ("2#######", "9", nif.is_valid),
    "ro": ("1yymmdd12###", "9", cnp.is_valid),
    "se": ("yymmdd###", "9", personnummer.is_valid),
    "si": ("ddmm9", "", emso.is_valid),
}
CHECKS = {"": [""], "9": [*"0123456789"], "99": [f"{n:02}" for n in range(100)], "A": [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]}


def begin(kind, shape, random):
    born = datetime.date(1930, 1, 1) + datetime.timedelta(random.randrange(25000))
    for code, text in (("yy", f"{born:%y}"), ("mm", f"{born:%m}"), ("dd", f"{born:%d}")):
        shape = shape.replace(code, text)
    shape = "".join(random.choice("0123456789") if c == "#" else c for c in shape)
    if kind == "fi":
        century = random.choice("-YA" if born.year < 1999 else "ABA")
        return shape + century + f"{random.randrange(0, 950):03}" + random.choice("0123456789ABCDEFHJKLMNPRSTUVWXY")
    if kind == "it":
        letters = "".join(random.choice("BCDFGLMNPRST") for _ in range(6))
        day = born.day + random.choice((0, 40))
        return f"{letters}{born:%y}{'ABCDEHLMPRST'[born.month - 1]}{day:02}H{random.randrange(1000):03}"
    if kind == "de":
        digits = random.sample("0123456789", 10)
        digits[random.randrange(1, 10)] = digits[0]
        return "".join(digits)
    if kind == "at":
        digits = [random.choice("123456789"), *(random.choice("0123456789") for _ in range(2)), *f"0{born:%d%m%y}"]
        return "".join(digits)
    if kind == "si":
        return f"{born:%d%m}{born.year % 1000:03}50{random.randrange(1000):03}"
    if kind == "es" and random.random() < 0.4:
        return random.choice("XYZ") + shape[1:]
    if kind == "lv" and random.random() < 0.3:
        return "32" + shape[2:]
    return shape


def others(kind, shape, check, oracle):
    random_ = random.Random(kind)
    for n in range(48):
        head = begin(kind, shape, random_)
        number = head + random_.choice(CHECKS[check])
        if n % 3:
            valid = [head + c for c in CHECKS[check] if is_valid(oracle, head + c)]
            if kind == "fi":
                valid = [head[:-1] + c for c in "0123456789ABCDEFHJKLMNPRSTUVWXY" if is_valid(oracle, head[:-1] + c)]
            if kind in ("at",):
                valid = [head[:3] + c + head[4:] for c in "0123456789" if is_valid(oracle, head[:3] + c + head[4:])]
            if kind == "si":
                valid = [head + c for c in "0123456789" if is_valid(oracle, head + c)]
            number = random_.choice(valid) if valid else number
        elif kind == "si":
            number = head + random_.choice("0123456789")
        if n % 6 == 2:  # one digit wrong
            at = random_.choice([i for i, c in enumerate(number) if c.isdigit()])
            number = number[:at] + str((int(number[at]) + random_.randint(1, 9)) % 10) + number[at + 1:]
        if kind == "dk" and n % 3 == 0:  # its only check is the date
            number = f"{number[:2]}{random_.randint(13, 99)}{number[4:]}"
        yield number.replace("-", ""), is_valid(oracle, number)


def is_valid(oracle, number):
    try:
        return bool(oracle(number))
    except Exception:  # the oracle has no other word for it
        return False


if __name__ == "__main__":
    tables = [("bsn", bsns()), ("iban", ibans())]
    tables += [(kind, others(kind, *rest)) for kind, rest in OTHERS.items()]
    for kind, numbers in tables:
        for number, valid in numbers:
            print(kind, number, int(valid), sep="\t")
