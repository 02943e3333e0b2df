#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What is installed is what a user needs: an example builds with what pkg-config says and nothing
# else, once with the shared and once with the static library, and runs. No link leads nowhere.
#
#   install.sh BUILD-DIR EXAMPLE.c MESON COMPILER...

set -eu

[ $# -ge 4 ] || { echo "usage: install.sh BUILD-DIR EXAMPLE.c MESON COMPILER..." >&2; exit 2; }
build=$1 example=$2 meson=$3
shift 3
[ -s "$example" ] || { echo "install: $example is missing or empty" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
"$meson" install -C "$build" --no-rebuild --quiet --destdir "$root"

pc=$(find "$root" -name libioasid.pc)
[ -s "$pc" ] || { echo "install: no libioasid.pc" >&2; exit 1; }
export PKG_CONFIG_LIBDIR="${pc%/*}" PKG_CONFIG_SYSROOT_DIR="$root"
libdir=$root$(PKG_CONFIG_SYSROOT_DIR= pkg-config --variable=libdir libioasid)

# what pkg-config says is a list of words
"$@" "$example" -o "$scratch/with-shared" $(pkg-config --cflags --libs libioasid)
readelf -d "$scratch/with-shared" | grep -q 'NEEDED.*\[libioasid\.so\.0\]' || {
    echo "install: the example was not linked with the shared library" >&2
    exit 1
}
LD_LIBRARY_PATH=$libdir "$scratch/with-shared" >"$scratch/output-shared"

"$@" -static "$example" -o "$scratch/with-static" $(pkg-config --static --cflags --libs libioasid)
"$scratch/with-static" >"$scratch/output-static"

astray=$(find "$root" -xtype l)
[ -z "$astray" ] || { echo "install: links that lead nowhere:" $astray >&2; exit 1; }
