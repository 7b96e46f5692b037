#!/usr/bin/env bash
# Builds the commit at hand twice, in two folders with other names and other lengths of name, and compares every byte of what
# comes out. `.ci/reproduce.sh [CARGO ARGUMENTS] -- FILE`: without arguments it is the program (`target/release/proeftuin`);
# with them another target, and the file that it gives, below target/. Needs git and the toolchain; downloads nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

arguments=(--release) file=release/proeftuin
if [[ $# -gt 0 ]]; then
    arguments=()
    while [[ $# -gt 0 && $1 != -- ]]; do arguments+=("$1"); shift; done
    shift
    file=$1
fi
commit=$(git rev-parse HEAD)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export CARGO_INCREMENTAL=0 PROEFTUIN_COMMIT=$commit SOURCE_DATE_EPOCH=0

build() {
    local folder=$1
    mkdir -p "$folder"
    git archive "$commit" | tar -x -C "$folder"
    # What stands in the program instead of where it was built. The same for what the C compiler writes.
    local remap="--remap-path-prefix=$folder=/build --remap-path-prefix=$cargo_home=/cargo"
    local map="-ffile-prefix-map=$folder=/build -ffile-prefix-map=$cargo_home=/cargo"
    (cd "$folder" && RUSTFLAGS=$remap CFLAGS=$map CXXFLAGS=$map cargo build --quiet --locked --offline "${arguments[@]}")
    sha256sum <"$folder/target/$file" | cut -d' ' -f1
}

first=$(build "$place/one")
echo "first   $first"
second=$(build "$place/another/and/deeper")
echo "second  $second"
if [[ $first != "$second" ]]; then
    echo "not the same: $commit gives another $file in another folder" >&2
    exit 1
fi
echo "the same, from $commit with $(rustc --version)"
