#!/usr/bin/env python3
"""Writes identifiers.tsv: numbers judged by python-stdnum 2.2, the oracle for our validators.

    pip install --target /tmp/stdnum python-stdnum==2.2
    PYTHONPATH=/tmp/stdnum python3 make.py > identifiers.tsv

A line is: kind, tab, number, tab, 1 (valid) or 0. All numbers are random, from a fixed seed. IBANs are judged by mod 97 and
the country's structure alone (check_country=False), since national account checks are no part of ISO 13616.
"""
import random

from stdnum import iban
from stdnum.nl import bsn

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


if __name__ == "__main__":
    for kind, numbers in (("bsn", bsns()), ("iban", ibans())):
        for number, valid in numbers:
            print(kind, number, int(valid), sep="\t")
