"""Checks a log's public folder and a receipt of it, sharing no code with the program: Python's own library and nothing else.

usage: check_receipt.py VERIFIER_KEY PUBLIC_FOLDER RESPONSE_OR_RECEIPT [--every-byte]

Written from RFC 8032 (Ed25519), RFC 6962 (the tree) and the C2SP texts (signed-note, tlog-checkpoint, tlog-tiles, tlog-proof).
With --every-byte it also changes every byte of checkpoint, tiles, entry bundles, and of the receipt's leaves and proofs, one at
a time, and fails if any change is accepted.
"""

import base64
import functools
import hashlib
import json
import pathlib
import sys

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1, 1, 0)


class Rejected(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Rejected(what)


# Ed25519, RFC 8032, section 5.1: points as (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    product = IDENTITY
    while scalar:
        if scalar & 1:
            product = add(product, point)
        point, scalar = add(point, point), scalar >> 1
    return product


def decode_point(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    need(y < P, "a point is out of range")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    need((x * x - square) % P == 0 and not (x == 0 and sign), "not a point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


@functools.lru_cache(maxsize=1024)
def signed(public, message, signature):
    need(len(public) == 32 and len(signature) == 64, "the length of a key or signature")
    a, r = decode_point(public), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    need(s < ORDER, "a signature out of range")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = times(s, BASE), add(r, times(k, a))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0
    need(same, "the signature does not hold")


# RFC 6962, section 2.1.


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(entry):
    return sha256(b"\x00", entry)


def node(left, right):
    return sha256(b"\x01", left, right)


def root_of(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256()
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node(root_of(hashes[:split]), root_of(hashes[split:]))


def root_by_path(leaf, index, size, path):
    """RFC 9162, section 2.1.3.2."""
    need(index < size, "the index is outside the tree")
    first, last, root = index, size - 1, leaf
    for sibling in path:
        need(last, "the path is too long")
        if first & 1 or first == last:
            root = node(sibling, root)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            root = node(root, sibling)
        first, last = first >> 1, last >> 1
    need(last == 0, "the path is too short")
    return root


# C2SP.


def unbase64(text):
    decoded = base64.b64decode(text, validate=True)
    # Several texts decode to the same bytes; one of them is right.
    need(base64.b64encode(decoded).decode() == text, "base64 is not canonical")
    return decoded


def number(text):
    need(text.isascii() and text.isdigit() and str(int(text)) == text, "not a number")
    return int(text)


class Key:
    def __init__(self, text):
        self.text = text.strip()
        self.name, self.id, encoded = self.text.split("+", 2)
        key = unbase64(encoded)
        need(len(key) == 33 and key[0] == 1, "not an Ed25519 key")
        need(sha256(self.name.encode(), b"\n", key)[:4].hex() == self.id, "the key's own hash")
        self.public = key[1:]

    def open(self, note):
        """Size and root of a checkpoint that this key signed. Cosignatures of witnesses may stand after its signature."""
        need(note.endswith("\n"), "a note's last line")
        text, _, signatures = note[:-1].rpartition("\n\n")
        text += "\n"
        for at, line in enumerate(signatures.split("\n")):
            dash, name, blob = line.split(" ")
            blob = unbase64(blob)
            need(dash == "\u2014" and len(blob) > 4, "a signature line")
            need(((name, blob[:4].hex()) == (self.name, self.id)) == (at == 0), "the signer")
            if at == 0:
                signed(self.public, text.encode(), blob[4:])
        origin, size, root = text[:-1].split("\n")
        need(origin == self.name, "the origin")
        return number(size), unbase64(root)


def tile_path(level, index, width):
    name = f"{index % 1000:03}"
    while index := index // 1000:
        name = f"x{index % 1000:03}/{name}"
    return f"tile/{level}/{name}" + (f".p/{width}" if width < 256 else "")


def split_bundle(bundle, count):
    entries = []
    for _ in range(count):
        length = int.from_bytes(bundle[:2], "big")
        need(len(bundle) >= 2 + length, "an entry is cut short")
        entries.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    need(not bundle, "bytes after the last entry")
    return entries


def check_log(key, read):
    """Recomputes the whole log. `read` gives a file by name; gives the names of all that were read.

    The first bundles may be missing, as far as a leaf says that they were pruned: their hashes are in the tiles.
    """
    names = ["checkpoint"]
    size, root = key.open(read("checkpoint").decode())
    hashes, pruned, missing = [], 0, 0
    for first in range(0, size, 256):
        width = min(256, size - first)
        name = tile_path("entries", first // 256, width)
        try:
            bundle = read(name)
        except FileNotFoundError:
            need(missing == first, "a bundle in the middle is missing")
            tile = read(tile_path(0, first // 256, width))
            hashes += [tile[at : at + 32] for at in range(0, len(tile), 32)]
            missing += width
            continue
        names.append(name)
        entries = split_bundle(bundle, width)
        for at, entry in enumerate(entries, first):
            record = json.loads(entry)
            need(number(record["seq"]) == at, "the number in an entry")
            if record["event"] == "log_pruned":
                pruned = number(record["before"])
        hashes += map(leaf_hash, entries)
    need(missing <= pruned, "leaves are missing that were not pruned")
    need(root_of(hashes) == root, "the root")
    level = 0
    while hashes:
        for first in range(0, len(hashes), 256):
            tile = hashes[first : first + 256]
            names.append(tile_path(level, first // 256, len(tile)))
            need(read(names[-1]) == b"".join(tile), "a tile")
        hashes = [root_of(hashes[i : i + 256]) for i in range(0, len(hashes) - 255, 256)]
        level += 1
    return names


def check_receipt(key, receipt):
    """Gives the records that it proves."""
    need(receipt["v"] == 1, "the version")
    need(receipt["log"] == key.text, "the log's key")
    records = []
    for leaf in receipt["leaves"]:
        head, _, checkpoint = leaf["proof"].partition("\n\n")
        header, index, *path = head.split("\n")
        need(header == "c2sp.org/tlog-proof@v1" and index.startswith("index "), "the proof's header")
        index = number(index[len("index ") :])
        size, root = key.open(checkpoint)
        path = [unbase64(line) for line in path]
        need(root_by_path(leaf_hash(leaf["leaf"].encode()), index, size, path) == root, "the leaf is not in the log")
        record = json.loads(leaf["leaf"])
        need(number(leaf["index"]) == index == number(record["seq"]), "index, proof and record")
        need(record["id"] == receipt["id"], "the receipt's id")
        records.append(record)
    events = [record["event"] for record in records]
    need(events in (["intent", "outcome"], ["denied"]), "the events")
    if len(records) == 2:
        need(records[1]["intent_seq"] == records[0]["seq"], "the outcome is of another intent")
    return records


def accepted(check):
    try:
        check()
    except (Rejected, ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError):
        return False
    return True


def changes(data):
    """Every byte, changed in its lowest bit and in the one that is the case of a letter."""
    for at in range(len(data)):
        for bit in (0x01, 0x20):
            yield at, data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def every_byte(key, read, names, receipt):
    tried = 0
    for name in names:
        for at, changed in changes(read(name)):
            tried += 1
            swapped = lambda asked: changed if asked == name else read(asked)
            need(not accepted(lambda: check_log(key, swapped)), f"byte {at} of {name} can be changed")
    for number_, leaf in enumerate(receipt["leaves"]):
        for field in ("leaf", "proof", "index"):
            for at, changed in changes(leaf[field].encode()):
                tried += 1
                leaves = list(receipt["leaves"])
                leaves[number_] = {**leaf, field: changed.decode("utf-8", "replace")}
                need(
                    not accepted(lambda: check_receipt(key, {**receipt, "leaves": leaves})),
                    f"byte {at} of {field} of leaf {number_} can be changed",
                )
    return tried


def main():
    key, folder = Key(sys.argv[1]), pathlib.Path(sys.argv[2])
    shown = json.loads(pathlib.Path(sys.argv[3]).read_text())
    receipt = shown["proeftuin"]["receipt"] if "proeftuin" in shown else shown
    read = functools.cache(lambda name: (folder / name).read_bytes())
    names = check_log(key, read)
    check_receipt(key, receipt)
    print(f"{len(names)} files and the receipt hold")
    if "--every-byte" in sys.argv[4:]:
        print(f"{every_byte(key, read, names, receipt)} changes, none accepted")


if __name__ == "__main__":
    # RFC 8032, section 7.1, test 2: what verifies nothing would reject nothing.
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    proof = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    signed(public, b"\x72", proof)
    need(not accepted(lambda: signed(public, b"\x73", proof)), "a wrong message is accepted")
    main()
