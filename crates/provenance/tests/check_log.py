"""Checks a static export of the log with its public key alone: signature, leaves, tiles, root.

usage: check_log.py VERIFIER_KEY PUBLIC_FOLDER

Written from the C2SP texts (signed-note, tlog-checkpoint, tlog-tiles) and RFC 6962; needs `cryptography`.
"""

import base64
import hashlib
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(hashes):
    if not hashes:
        return sha256()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return sha256(b"\x01", root(hashes[:split]), root(hashes[split:]))


def open_note(vkey, note):
    name, key_id, key = vkey.split("+", 2)
    key = base64.b64decode(key, validate=True)
    assert key[0] == 1 and len(key) == 33, "not an Ed25519 key"
    assert sha256(name.encode(), b"\n", key)[:4].hex() == key_id, "key id"
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        if dash == "\u2014" and signer == name and blob[:4].hex() == key_id:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], text.encode())
            return text
    raise AssertionError("no signature by this key")


def resource(folder, kind, index, width):
    number = f"{index % 1000:03}"
    while index := index // 1000:
        number = f"x{index % 1000:03}/{number}"
    partial = f".p/{width}" if width < 256 else ""
    return (folder / "tile" / kind / f"{number}{partial}").read_bytes()


def main():
    vkey, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    origin, size, signed_root = open_note(vkey, (folder / "checkpoint").read_text()).splitlines()[:3]
    assert origin == vkey.split("+")[0], "origin"
    leaves = []
    for index in range(0, int(size), 256):
        width = min(256, int(size) - index)
        bundle = resource(folder, "entries", index // 256, width)
        tile = []
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            assert len(bundle) >= 2 + length > 2, "bundle"
            tile.append(sha256(b"\x00", bundle[2 : 2 + length]))
            bundle = bundle[2 + length :]
        assert b"".join(tile) == resource(folder, "0", index // 256, width), f"tile {index // 256}"
        leaves += tile
    assert len(leaves) == int(size), "size"
    assert root(leaves) == base64.b64decode(signed_root), "root"


main()
