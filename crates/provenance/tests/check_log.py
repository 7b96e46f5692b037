"""Checks a static export of the log with its public key alone: signature, leaves, tiles, root.

usage: check_log.py VERIFIER_KEY PUBLIC_FOLDER [WITNESS_KEY]

With a witness's key it looks for the checkpoint that this witness cosigned, and checks that the log begins with it. Bundles may be missing below the index up to which a leaf of the log says that it was pruned, and prints that index.

Written from the C2SP texts (signed-note, tlog-checkpoint, tlog-tiles) and RFC 6962; needs `cryptography`.
"""

import base64
import hashlib
import json
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


def parse_key(vkey, kind):
    name, key_id, key = vkey.split("+", 2)
    key = base64.b64decode(key, validate=True)
    assert key[0] == kind and len(key) == 33, "not an Ed25519 key of this kind"
    assert sha256(name.encode(), b"\n", key)[:4].hex() == key_id, "key id"
    return name, key_id, Ed25519PublicKey.from_public_bytes(key[1:])


def cosigned(witness, folder):
    """The newest checkpoint that the witness cosigned, and when (C2SP tlog-cosignature)."""
    name, key_id, key = parse_key(witness, 4)
    for path in (folder / "checkpoint", folder / "cosigned" / key_id):
        if not path.exists():
            continue
        note = path.read_text()
        text, signatures = note.rsplit("\n\n", 1)
        for line in signatures.splitlines():
            dash, signer, blob = line.split(" ")
            blob = base64.b64decode(blob, validate=True)
            if dash == "\u2014" and signer == name and blob[:4].hex() == key_id:
                time = int.from_bytes(blob[4:12], "big")
                key.verify(blob[12:], f"cosignature/v1\ntime {time}\n{text}\n".encode())
                return note, time
    raise AssertionError("no checkpoint is cosigned by this witness")


def open_note(vkey, note):
    name, key_id, key = parse_key(vkey, 1)
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        if dash == "\u2014" and signer == name and blob[:4].hex() == key_id:
            key.verify(blob[4:], text.encode())
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
    leaves, first, pruned = [], None, 0
    for index in range(0, int(size), 256):
        width = min(256, int(size) - index)
        hashes = resource(folder, "0", index // 256, width)
        try:
            bundle = resource(folder, "entries", index // 256, width)
        except FileNotFoundError:
            assert first is None, f"bundle {index // 256} is missing"
            leaves += [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
            continue
        first = index if first is None else first
        tile = []
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            assert len(bundle) >= 2 + length > 2, "bundle"
            entry, bundle = bundle[2 : 2 + length], bundle[2 + length :]
            tile.append(sha256(b"\x00", entry))
            leaf = json.loads(entry)
            if leaf["event"] == "log_pruned":
                pruned = int(leaf["before"])
        assert b"".join(tile) == hashes, f"tile {index // 256}"
        leaves += tile
    assert len(leaves) == int(size), "size"
    assert root(leaves) == base64.b64decode(signed_root), "root"
    assert (first or 0) <= pruned, f"leaves before {first} are missing, and none says that they were pruned"
    if pruned:
        print(f"pruned before {pruned}")
    for witness in sys.argv[3:]:
        note, time = cosigned(witness, folder)
        _, seen, seen_root = open_note(vkey, note).splitlines()[:3]
        assert root(leaves[: int(seen)]) == base64.b64decode(seen_root), "the witness saw another log"
        print(f"cosigned {seen} leaves at {time}")


main()
