"""Writes lines of Dutch prose in which nobody is named, for training: 6,000 of LibreOffice's help (MPL-2.0).

    apt-get download libreoffice-help-nl=4:7.4.7-1+deb12u14 && dpkg-deb -x libreoffice-help-nl_*.deb help && python plain.py help > plain.txt

Deterministic: files and lines in their order, then shuffled from a fixed seed.
"""

import html
import pathlib
import random
import re
import sys

INLINE = re.compile(r"</?(?:b|i|em|strong|span|a|code|emph|item)[^>]*>")
lines = {}
for file in sorted(pathlib.Path(sys.argv[1]).rglob("*.html")):
    text = re.sub(r"(?s)<(script|style|head).*?</\1>", "", file.read_text(encoding="utf-8", errors="replace"))
    for line in re.split(r"<[^>]+>", INLINE.sub("", text)):
        line = html.unescape(re.sub(r"\s+", " ", line)).strip()
        prose = sum(c.isalpha() or c.isspace() for c in line) > 0.85 * len(line)
        if 8 < len(line) < 400 and len(line.split()) > 2 and prose and not line.startswith("This page"):
            lines[line] = None
chosen = list(lines)
random.Random(20261127).shuffle(chosen)
print("\n".join(chosen[:6000]))
