#!/usr/bin/env bash
# Makes the bundles of this folder anew with the reference program, PyPI model-signing 1.1.1 (it needs pyopenssl too):
#   python -m venv VENV && VENV/bin/pip install model-signing==1.1.1 pyopenssl
#   ./make.sh VENV/bin/model_signing FOLDER-WITH-THE-DEFAULT-MODEL
# Every run has keys of its own, which are thrown away: only what signed can be checked afterwards.
set -eu
tool=$(realpath "$1")
model=$(realpath "$2")
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cd "$work"
mkdir -p tulip/gguf tulip/left-out
# An empty GGUF file: magic, version 3, no tensors, no pairs.
{ printf 'GGUF\003'; head -c 19 /dev/zero; } > tulip/tulip.gguf
printf 'more weights of a tulip\n' > tulip/gguf/tulip-2.gguf
printf 'about the tulip\n' > tulip/README.md
printf 'not signed\n' > tulip/left-out/notes.gguf
key() {
    openssl ecparam -name "$2" -genkey -noout -out "$1.key"
    openssl ec -in "$1.key" -pubout -out "$here/$1.pub" 2> /dev/null
}
sign() { # folder, name of key and bundle, more
    "$tool" sign key "$1" --private_key "$2.key" --signature "$here/$2.sig" "${@:3}" > /dev/null
    "$tool" verify key "$1" --public_key "$here/$2.pub" --signature "$here/$2.sig"
}
cp -r "$model" smollm2
key p256 prime256v1
key p384 secp384r1
key p521 secp521r1
key smollm2 prime256v1
sign tulip p256 --ignore-paths tulip/left-out
sign tulip p384 --ignore-paths tulip/left-out
sign tulip p521 --ignore-paths tulip/left-out
sign smollm2 smollm2
# By shards, which the command line of this version cannot ask for.
"$(dirname "$tool")/python" - "$here/shards.sig" << 'EOF'
import sys
from model_signing import hashing, signing
config = signing.Config().use_elliptic_key_signer(private_key="p256.key")
config.set_hashing_config(hashing.Config().use_shard_serialization(shard_size=8))
config.sign("tulip", sys.argv[1])
EOF
