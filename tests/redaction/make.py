#!/usr/bin/env python3
"""Turns the marked-up *.txt files beside it into dutch.jsonl (authors a and b) and dutch-c.jsonl (author c).

    make.py            check, write both, print counts
    make.py --lint     also list tagged text that occurs untagged in its entry, and the numbers left as written
    make.py --check    check and count only, write nothing

Needs python-stdnum (PyPI). Deterministic: same files in, same bytes out.
An entry:   === id: X | kind: K | split: S     then its text, with ⟦TYPE:text⟧ or ⟦!TYPE:text⟧ (digits kept as they are).
Numbers with a check digit are made valid in the form they were written in; what is not plain digits (words, base64,
homoglyphs, HTML entities) is left as it is. Unknown types, kinds or splits, unbalanced or nested tags, empty tags, bad
headers and doubled ids are refused with file and line, and then nothing is written.
"""
import collections
import json
import pathlib
import re
import sys

from stdnum import iban, imei, luhn
from stdnum.be import nn as be_nn
from stdnum.de import idnr as de_idnr
from stdnum.es import ccc as es_ccc, dni as es_dni, nie as es_nie
from stdnum.fr import nir as fr_nir
from stdnum.it import codicefiscale as it_cf
from stdnum.nl import bsn as nl_bsn, btw as nl_btw
from stdnum.pl import pesel as pl_pesel
from stdnum.pt import nif as pt_nif
from stdnum.se import personnummer as se_pnr

HERE = pathlib.Path(__file__).resolve().parent
TYPES = set("""PERSON ADDRESS POSTCODE CITY DOB AGE PHONE EMAIL BSN RSIN IBAN KVK BTW PLATE DOC RIJB VNR ANR BIG AGB CASE
PARKET CC IP MAC GPS IMEI BE_RRN DE_IDNR FR_NIR ES_DNI IT_CF PL_PESEL SE_PNR PT_NIF USER HEALTH RELIGION ETHNIC POLITICAL
UNION SEXUAL CRIMINAL SECRET""".split())
KINDS = set("letter email form chat minutes police json csv log table note web prompt".split())
SPLITS = set("clean messy evade hardneg".split())
HEADER = re.compile(r"=== id: (\S+) \| kind: (\S+) \| split: (\S+)[ \t]*")


# --- check digits: each function takes the bare, upper-case characters and gives as many back, or None where it does not fit

def fix_bsn(s):
    if not re.fullmatch(r"\d{8,9}", s):
        return None
    d = [int(c) for c in s.zfill(9)]
    while True:
        check = sum((9 - i) * d[i] for i in range(8)) % 11
        if check < 10:
            d[8] = check
            return "".join(map(str, d))[-len(s):]
        d[7] = (d[7] + 1) % 10


def fix_btw(s):
    if not re.fullmatch(r"(NL)?\d{9}B\d{2}", s):
        return None
    if nl_btw.is_valid(s):
        return s
    at = s.index("B") - 9
    return s[:at] + fix_bsn(s[at:at + 9]) + s[at + 9:]


def fix_iban(s):
    if not re.fullmatch(r"[A-Z]{2}\d\d[A-Z0-9]{11,30}", s):
        return None
    country, bban = s[:2], s[4:]
    if country == "NL" and not re.fullmatch(r"[A-Z]{4}\d{10}", bban):
        return None
    if country == "BE" and re.fullmatch(r"\d{12}", bban):
        bban = bban[:10] + "%02d" % (int(bban[:10]) % 97 or 97)
    if country == "ES" and re.fullmatch(r"\d{20}", bban):
        bban = bban[:8] + es_ccc.calc_check_digits(bban) + bban[10:]
    fixed = country + iban.calc_check_digits(country + "00" + bban) + bban
    return fixed if iban.is_valid(fixed) else None


def fix_anr(s):
    if not re.fullmatch(r"\d{10}", s):
        return None

    def good(t):
        d = [int(c) for c in t]
        return (d[0] != 0 and all(a != b for a, b in zip(d, d[1:])) and sum(d) % 11 in (0, 5)
                and sum(2 ** i * n for i, n in enumerate(d)) % 11 == 0)

    if good(s):
        return s
    head = ""
    for c in s:
        while c == (head[-1] if head else "0"):
            c = str((int(c) + 1) % 10)
        head += c
    for tail in (3, 4, 5):
        for step in range(10 ** tail):
            t = head[:10 - tail] + "%0*d" % (tail, (int(head[10 - tail:]) + step) % 10 ** tail)
            if good(t):
                return t
    return None


def fix_luhn(low, high):
    def fix(s):
        return s[:-1] + luhn.calc_check_digit(s[:-1]) if re.fullmatch(r"\d{%d,%d}" % (low, high), s) else None
    return fix


def fix_be(s):
    if not re.fullmatch(r"\d{11}", s):
        return None
    if be_nn.is_valid(s):
        return s
    for base in (s[:9], "2" + s[:9]):
        t = s[:9] + "%02d" % (97 - int(base) % 97)
        if be_nn.is_valid(t) and (base[0] == "2" and len(base) == 10) == (int(s[:2]) <= 25):
            return t
    return None


def fix_de(s):
    if not re.fullmatch(r"\d{11}", s):
        return None
    if de_idnr.is_valid(s):
        return s
    out, doubled = [], False
    for c in s[:10]:
        if c in out:
            if doubled:
                c = min(x for x in "123456789" + "0" if x not in out)
            doubled = True
        out.append(c)
    if not doubled:
        out[9] = out[0]
    if out[0] == "0":
        return None
    from stdnum.iso7064 import mod_11_10
    t = "".join(out)
    return t + mod_11_10.calc_check_digit(t)


def fix_fr(s):
    return s[:13] + fr_nir.calc_check_digits(s[:13]) if re.fullmatch(r"\d{5}[0-9AB]{2}\d{8}|\d{6}[AB]\d{8}", s) else None


def fix_es(s):
    if re.fullmatch(r"\d{8}[A-Z]", s):
        return s[:8] + es_dni.calc_check_digit(s[:8])
    if re.fullmatch(r"[XYZ]\d{7}[A-Z]", s):
        return s[:8] + es_nie.calc_check_digit(s[:8])
    return None


def fix_it(s):
    return s[:15] + it_cf.calc_check_digit(s[:15]) if re.fullmatch(r"[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]", s) else None


def fix_pl(s):
    return s[:10] + pl_pesel.calc_check_digit(s[:10]) if re.fullmatch(r"\d{11}", s) else None


def fix_se(s):
    return s[:-1] + luhn.calc_check_digit(s[-10:-1]) if re.fullmatch(r"\d{10}|\d{12}", s) else None


def fix_pt(s):
    return s[:8] + pt_nif.calc_check_digit(s[:8]) if re.fullmatch(r"\d{9}", s) else None


FIX = {"BSN": (fix_bsn, lambda s: nl_bsn.is_valid(s.zfill(9))), "RSIN": (fix_bsn, lambda s: nl_bsn.is_valid(s.zfill(9))),
       "BTW": (fix_btw, nl_btw.is_valid), "IBAN": (fix_iban, iban.is_valid), "ANR": (fix_anr, lambda s: True),
       "CC": (fix_luhn(13, 19), luhn.is_valid), "IMEI": (fix_luhn(15, 15), imei.is_valid), "BE_RRN": (fix_be, be_nn.is_valid),
       "DE_IDNR": (fix_de, de_idnr.is_valid), "FR_NIR": (fix_fr, fr_nir.is_valid),
       "ES_DNI": (fix_es, lambda s: es_dni.is_valid(s) or es_nie.is_valid(s)), "IT_CF": (fix_it, it_cf.is_valid),
       "PL_PESEL": (fix_pl, pl_pesel.is_valid), "SE_PNR": (fix_se, None), "PT_NIF": (fix_pt, pt_nif.is_valid)}


def se_valid(s):
    year = s[:4] if len(s) == 12 else "19" + s[:2]
    tail = s[4:] if len(s) == 12 else s[2:]
    return se_pnr.is_valid(year + tail[:4] + "-" + tail[4:])


FIX["SE_PNR"] = (fix_se, se_valid)


def make_valid(kind, form):
    """(text, "valid" | "left"): form with valid check digits; left as it is where it is not plain letters and digits."""
    fix, valid = FIX[kind]
    at = [i for i, c in enumerate(form) if c.isalnum()]
    bare = "".join(form[i] for i in at)
    if not bare.isascii():
        return form, "left"
    try:
        new = fix(bare.upper())
    except Exception:  # the library refuses the shape
        new = None
    if new is None or not valid(new):
        return form, "left"
    out = list(form)
    for i, c in zip(at, new):
        out[i] = c.lower() if form[i].islower() else c
    return "".join(out), "valid"


# --- the markup

def entries(path, errors):
    """Yields (line number of the header, id, kind, split, line number of the text, text)."""
    head, body = None, []
    for n, line in enumerate(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n") + [None], 1):
        if line is not None and not line.startswith("==="):
            if head:
                body.append(line)
            elif line.strip():
                errors.append(f"{path.name}:{n}: text before the first header")
            continue
        if head:
            first = head[0] + 1
            while body and not body[0].strip():
                body.pop(0)
                first += 1
            yield (*head, first, "\n".join(body).rstrip())
        head, body = None, []
        if line is not None:
            m = HEADER.fullmatch(line)
            if m:
                head = (n, *m.groups())
            else:
                errors.append(f"{path.name}:{n}: bad header: {line[:80]}")
                head = (n, f"?{path.name}:{n}", "note", "clean")


def parse(name, line, text, errors):
    """(pieces, ok): plain strings and (kept, type, text) triples."""
    pieces, pos, ok = [], 0, True

    def err(at, what):
        errors.append(f"{name}:{line + text.count(chr(10), 0, at)}: {what}")

    while True:
        m = re.compile("[⟦⟧]").search(text, pos)
        if not m:
            pieces.append(text[pos:])
            return pieces, ok
        at = m.start()
        if m.group() == "⟧":
            err(at, "⟧ without ⟦")
            return pieces, False
        end, again = text.find("⟧", at), text.find("⟦", at + 1)
        if end < 0 or (0 <= again < end):
            err(at, "⟦ without ⟧ (or nested)")
            return pieces, False
        tag = re.fullmatch(r"(!?)([A-Za-z_]*):(.*)", text[at + 1:end], re.S)
        if not tag:
            err(at, f"no type in {text[at:end + 1][:60]}")
            ok = False
        elif tag.group(2) not in TYPES:
            err(at, f"unknown type {tag.group(2)!r}")
            ok = False
        elif not tag.group(3).strip():
            err(at, f"empty tag {tag.group(2)}")
            ok = False
        else:
            pieces += [text[pos:at], (bool(tag.group(1)), tag.group(2), tag.group(3))]
        pos = end + 1


def main():
    errors, notes, out, seen = [], [], [], {}
    count = {k: collections.Counter() for k in ("kind", "split", "type", "file", "long", "check")}
    files = sorted(HERE.glob("*.txt"))
    for path in files:
        try:
            path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as e:
            errors.append(f"{path.name}:{path.read_bytes()[:e.start].count(10) + 1}: not UTF-8")
            continue
        for n, id_, kind, split, first, body in entries(path, errors):
            where = f"{path.name}:{n}"
            if id_ in seen:
                errors.append(f"{where}: id {id_!r} already at {seen[id_]}")
            seen.setdefault(id_, where)
            if kind not in KINDS:
                errors.append(f"{where}: unknown kind {kind!r}")
            if split not in SPLITS:
                errors.append(f"{where}: unknown split {split!r}")
            if not body:
                errors.append(f"{where}: no text")
            pieces, ok = parse(path.name, first, body, errors)
            if not ok:
                continue
            text, spans, became = "", [], {}
            for p in pieces:
                if isinstance(p, str):
                    text += p
                    continue
                kept, typ, form = p
                if typ in FIX and not kept:
                    new, how = make_valid(typ, form)
                    count["check"][how] += 1
                    if how == "left":
                        notes.append(f"{where}: {id_}: {typ} left as written: {form!r}")
                    old = re.sub(r"\W", "", form).upper()
                    if became.setdefault((typ, re.sub(r"\W", "", new).upper()), old) != old and how == "valid":
                        notes.append(f"{where}: {id_}: two {typ} numbers became one: {form!r}")
                    form = new
                elif typ in FIX:
                    count["check"]["kept (!)"] += 1
                if form != form.strip():
                    notes.append(f"{where}: {id_}: white space at the edge of {typ} {form!r}")
                spans.append([len(text), len(text) + len(form), typ])
                text += form
                count["type"][typ] += 1
            if split == "hardneg" and spans:
                notes.append(f"{where}: {id_}: hardneg with tags")
            masked = list(text)
            for a, b, _ in spans:
                masked[a:b] = "\0" * (b - a)
            masked = "".join(masked)
            for form in sorted({text[a:b] for a, b, _ in spans}):
                for m in re.finditer(r"(?<!\w)" + re.escape(form) + r"(?!\w)", masked):
                    notes.append(f"{where}: {id_}: untagged repeat of {form!r}")
            if kind == "json":
                try:
                    json.loads(text)
                except ValueError as e:
                    notes.append(f"{where}: {id_}: not valid JSON: {e}")
            count["kind"][kind] += 1
            count["split"][split] += 1
            count["file"][path.name] += 1
            count["long"][path.name.split("-")[0]] += len(text) > 1500
            out.append({"author": path.name.split("-")[0], "id": id_, "kind": kind, "split": split, "text": text, "spans": spans})
    if "--lint" in sys.argv:
        print("\n".join(notes))
    if errors:
        print("\n".join(errors), file=sys.stderr)
        sys.exit(f"{len(errors)} errors, nothing written")
    if "--check" not in sys.argv:
        # a file of its own for author c, so that scores on dutch.jsonl stay comparable
        for name, third in (("dutch.jsonl", False), ("dutch-c.jsonl", True)):
            with open(HERE / name, "w", encoding="utf-8", newline="\n") as f:
                for e in out:
                    if (e["author"] == "c") == third:
                        f.write(json.dumps({k: v for k, v in e.items() if k != "author"}, ensure_ascii=False) + "\n")
    print(f"{len(out)} entries, {sum(len(e['spans']) for e in out)} spans, {sum(len(e['text']) for e in out)} characters")
    for what, c in count.items():
        print(f"{what}: " + ", ".join(f"{k} {v}" for k, v in sorted(c.items(), key=lambda x: (-x[1], x[0]))))


if __name__ == "__main__":
    main()
