#!/usr/bin/env bash
# Makes the bundles of this folder anew with the reference program, PyPI model-signing 1.1.1 (it needs pyopenssl too):
#   python -m venv VENV && VENV/bin/pip install model-signing==1.1.1 pyopenssl && ./make.sh VENV/bin/model_signing
# Every run has keys of its own, which are thrown away: only what signed can be checked afterwards.
set -eu
tool=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cd "$work"
mkdir -p tulip/gguf tulip/left-out
printf 'weights of a tulip\n' > tulip/tulip.gguf
printf 'more weights of a tulip\n' > tulip/gguf/tulip-2.gguf
printf 'about the tulip\n' > tulip/README.md
printf 'not signed\n' > tulip/left-out/notes.gguf
key() {
    openssl ecparam -name "$2" -genkey -noout -out "$1.key"
    openssl ec -in "$1.key" -pubout -out "$here/$1.pub" 2> /dev/null
}
sign() { # bundle, key, more
    "$tool" sign key tulip --private_key "$2.key" --signature "$here/$1.sig" --ignore-paths tulip/left-out "${@:3}" > /dev/null
    "$tool" verify key tulip --public_key "$here/$2.pub" --signature "$here/$1.sig"
}
key p256 prime256v1
key p384 secp384r1
key p521 secp521r1
sign p256 p256
sign p384 p384
sign p521 p521
# By shards, which the command line of this version cannot ask for.
"$(dirname "$tool")/python" - "$here/shards.sig" << 'EOF'
import sys
from model_signing import hashing, signing
config = signing.Config().use_elliptic_key_signer(private_key="p256.key")
config.set_hashing_config(hashing.Config().use_shard_serialization(shard_size=8))
config.sign("tulip", sys.argv[1])
EOF
