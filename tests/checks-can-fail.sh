#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A check that cannot fail is worth nothing: each of the structural ones gets input that is broken
# in one way at a time, and must refuse it with words that name the defect. First the same input
# unbroken must pass.
#
#   checks-can-fail.sh TESTS-DIR ROOT MAP SHARED STATIC COMPILER... -- HEADER...

set -eu

[ $# -ge 7 ] || { echo "usage: checks-can-fail.sh TESTS ROOT MAP SHARED STATIC CC... -- HEADER..." >&2; exit 2; }
tests=$1 root=$2 map=$3 shared=$4 static=$5
shift 5
compiler=
while [ "$1" != -- ]; do
    compiler="$compiler $1"
    shift
done
shift

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# refuses WORDS COMMAND...: the command fails, and its output has the words
refuses() {
    words=$1
    shift
    if "$@" >"$scratch/output" 2>&1; then
        echo "passes, but should not: $*" >&2
        failed=1
    elif ! grep -q -- "$words" "$scratch/output"; then
        echo "fails without saying \"$words\": $*" >&2
        cat "$scratch/output" >&2
        failed=1
    fi
}

passes() {
    "$@" >"$scratch/output" 2>&1 || {
        echo "fails, but should not: $*" >&2
        cat "$scratch/output" >&2
        failed=1
    }
}

# A copy of what the checks of sources read, to be broken.
fresh_tree() {
    rm -rf "$scratch/tree"
    mkdir "$scratch/tree"
    cp -r "$root/include" "$root/lib" "$root/examples" "$root/tests" "$root/.clang-format" \
        "$scratch/tree"
}
tree=$scratch/tree
: >"$scratch/empty"

# symbols.sh

symbols=$tests/symbols.sh
passes "$symbols" "$map" "$shared" "$static" "$@"
for broken in "$scratch/empty" "$scratch/nowhere"; do
    refuses 'missing or empty' "$symbols" "$broken" "$shared" "$static" "$@"
    refuses 'missing or empty' "$symbols" "$map" "$broken" "$static" "$@"
    refuses 'missing or empty' "$symbols" "$map" "$shared" "$broken" "$@"
    refuses 'missing or empty' "$symbols" "$map" "$shared" "$static" "$@" "$broken"
done
refuses usage "$symbols" "$map" "$shared" "$static"
echo '/* int ioasid_commented(void); */' >"$scratch/comment.h"
refuses 'no names at all in the headers' "$symbols" "$map" "$shared" "$static" "$scratch/comment.h"
grep -v ioasid_close "$map" >"$scratch/short.map"
refuses 'not in the map: ioasid_close' "$symbols" "$scratch/short.map" "$shared" "$static" "$@"
sed 's/ioasid_close;/& ioasid_clone;/;s/; /;\n\t/' "$map" >"$scratch/long.map"
refuses 'in the map: ioasid_clone' "$symbols" "$scratch/long.map" "$shared" "$static" "$@"
echo 'int ioasid_missing(void);' >"$scratch/more.h"
refuses 'not in the shared: ioasid_missing' "$symbols" "$map" "$shared" "$static" "$@" \
    "$scratch/more.h"
refuses 'not in the static: ioasid_missing' "$symbols" "$map" "$shared" "$static" "$@" \
    "$scratch/more.h"
echo '#include <stdlib.h>
char *ioasid_stray(void) { if (!getenv("X")) abort(); return secure_getenv("X"); }' |
    $compiler -w -x c - -fPIC -c -o "$scratch/stray.o"
cp "$static" "$scratch/stray.a"
ar q "$scratch/stray.a" "$scratch/stray.o"
refuses 'in the static: ioasid_stray' "$symbols" "$map" "$shared" "$scratch/stray.a" "$@"
refuses 'must not call: abort getenv$' "$symbols" "$map" "$shared" "$scratch/stray.a" "$@"
$compiler -shared "$scratch/stray.o" -o "$scratch/stray.so" -Wl,--no-as-needed -lm
refuses 'in the shared: ioasid_stray' "$symbols" "$map" "$scratch/stray.so" "$static" "$@"
refuses 'without a version: ioasid_stray' "$symbols" "$map" "$scratch/stray.so" "$static" "$@"
refuses 'soname' "$symbols" "$map" "$scratch/stray.so" "$static" "$@"
refuses 'other than libc: .*libm' "$symbols" "$map" "$scratch/stray.so" "$static" "$@"

# layering.py

layering=$tests/layering.py
# insert LINE FILE: at the file's end
insert() {
    printf '%s\n' "$1" >>"$tree/$2"
}
fresh_tree
passes "$layering" "$tree"
refuses usage "$layering"
refuses 'no file is lib/ring.h' "$layering" "$scratch/nowhere"
rm "$tree/lib/list.h"
refuses 'no file is lib/list.h' "$layering" "$tree"
fresh_tree
: >"$tree/lib/list.h"
refuses 'lib/list.h is empty' "$layering" "$tree"
while read -r file line; do
    fresh_tree
    insert "$line" "$file"
    refuses "$file must not include" "$layering" "$tree"
done <<'END'
include/ioasid/ring.h #include <ioasid/ioasid.h>
include/ioasid/ioasid.h #include "../../lib/list.h"
lib/ring.h #include "list.h"
lib/ring.h #include <ioasid/fault.h>
lib/pending.c #include "error.h"
lib/maptree.c # include "list.h"
lib/backend.h #include "core.h"
lib/ctx.c #include "mock/platform.h"
lib/ctx.c #include <ioasid/mock.h>
lib/ctx.c #include "iommufd/open.h"
lib/open.c #include "iommufd/iommufd.h"
lib/gate.c #include "error.h"
lib/mock/platform.h #include "../core.h"
lib/mock/platform.h #include "../ring.h"
examples/quickstart.c #include "../lib/list.h"
END
fresh_tree
insert '#include <check.h>' lib/ctx.c
refuses 'no header of libc' "$layering" "$tree"
fresh_tree
insert '#include "lost.h"' lib/ctx.c
refuses 'is nowhere' "$layering" "$tree"
fresh_tree
mkdir "$tree/lib/attic"
echo 'int x;' >"$tree/lib/attic/old.c"
refuses 'in no layer' "$layering" "$tree"

# house.py

house=$tests/house.py
fresh_tree
passes "$house" "$tree"
refuses usage "$house"
refuses 'no sources in lib' "$house" "$scratch/nowhere"
: >"$tree/lib/list.h"
refuses 'lib/list.h: the licence' "$house" "$tree"
fresh_tree
printf '/* SPDX-License-Identifier: MIT */\nint x;\n' >"$tree/lib/list.h"
refuses 'lib/list.h: it does not say' "$house" "$tree"
fresh_tree
yes '' | head -n 450 >>"$tree/lib/list.h"
refuses 'lib/list.h: .* lines, more than 450' "$house" "$tree"
fresh_tree
{ echo 'void f(void)' && echo '{' && yes '	;' | head -n 60 && echo '}'; } >>"$tree/lib/list.h"
refuses 'a function of 62 lines' "$house" "$tree"
fresh_tree
insert "/* see /ho""me/somebody/notes */" tests/support.h
refuses 'tests/support.h: line .*: a place' "$house" "$tree"
fresh_tree
cp "$tree/lib/ctx.c" "$tree/lib/forgotten.c"
cp "$tree/tests/support.c" "$tree/tests/test-forgotten.c"
refuses 'lib/forgotten.c: not in meson.build' "$house" "$tree"
refuses 'tests/test-forgotten.c: not in meson.build' "$house" "$tree"

# format.sh

fresh_tree
if "$tests/format.sh" "$tree" >"$scratch/output" 2>&1; then
    insert 'int   x ;' lib/list.h
    refuses 'lib/list.h' "$tests/format.sh" "$tree"
fi
refuses usage "$tests/format.sh"
rm "$tree/.clang-format"
refuses 'missing or empty' "$tests/format.sh" "$tree"
mkdir -p "$scratch/bare/include" "$scratch/bare/lib" "$scratch/bare/examples" "$scratch/bare/tests"
cp "$root/.clang-format" "$scratch/bare"
refuses 'no sources' "$tests/format.sh" "$scratch/bare"

# headers.sh

headers=$tests/headers.sh
# $compiler is a list of words
passes "$headers" c c11 "$root/include" $compiler -- "$@"
refuses 'no headers' "$headers" c c11 "$root/include" $compiler --
refuses 'missing or empty' "$headers" c c11 "$root/include" $compiler -- "$scratch/empty"
refuses 'missing or empty' "$headers" c c11 "$root/include" $compiler -- "$scratch/nowhere"
insert 'int ioasid_needs(off_t size);' include/ioasid/fault.h
refuses 'fault.h does not compile alone' "$headers" c c11 "$tree/include" $compiler -- "$@"
fresh_tree
insert 'int ioasid_old_style();' include/ioasid/fault.h
refuses 'fault.h does not compile alone' "$headers" c c11 "$tree/include" $compiler -- "$@"

# fuzz.sh

fuzz=$tests/fuzz.sh
mkdir "$scratch/corpus" "$scratch/no-corpus"
: >"$scratch/corpus/one"
passes "$fuzz" /bin/true "$scratch/corpus"
refuses usage "$fuzz" /bin/true
refuses 'cannot be run' "$fuzz" "$scratch/nowhere" "$scratch/corpus"
refuses 'missing or empty' "$fuzz" /bin/true "$scratch/no-corpus"
refuses 'missing or empty' "$fuzz" /bin/true "$scratch/nowhere"
printf '#!/bin/sh\necho "it broke" >&2\nexit 1\n' >"$scratch/broken"
chmod +x "$scratch/broken"
refuses 'it broke' "$fuzz" "$scratch/broken" "$scratch/corpus"
refuses 'skipped' "$fuzz"

# model/orders.py and model/model.py

orders=$tests/model/orders.py
fresh_tree
passes "$orders" "$tree"
sed -i 's/RELEASE_TAIL: /Release: /' "$tree/lib/inlet.h"
refuses 'this order has no name' "$orders" "$tree"
fresh_tree
sed -i 's/FENCE_ARM/FENCE_BELL/' "$tree/lib/ring.h"
refuses 'no model goes without FENCE_BELL' "$orders" "$tree"
refuses 'mentions FENCE_ARM, which is no order' "$orders" "$tree"
fresh_tree
sed -i '/define RELEASE_RETURN/d' "$tree/tests/model/slots.pml"
refuses 'no model goes without RELEASE_RETURN' "$orders" "$tree"
fresh_tree
sed -i 's|^#define RELEASE_RETURN.*|/*\n&\n*/|' "$tree/tests/model/slots.pml"
refuses 'no model goes without RELEASE_RETURN' "$orders" "$tree"
fresh_tree
sed -i "/'slots'/d" "$tree/tests/model/meson.build"
refuses 'no model goes without RELEASE_RETURN' "$orders" "$tree"
fresh_tree
sed -i 's/tail, __ATOMIC_RELEASE/tail, __ATOMIC_RELAXED/' "$tree/lib/inlet.h"
refuses 'behind the comment of RELEASE_TAIL' "$orders" "$tree"
refuses usage "$orders"

model=$tests/model/model.py
refuses usage "$model"
if command -v spin >/dev/null; then
    mkdir "$scratch/model"
    small=$scratch/model/small.pml
    # two who add; the end is invalid unless both did
    cat >"$small" <<'END'
#define ATOMIC 1
#ifndef WITHOUT
#define WITHOUT 0
#endif
byte sum;
active [2] proctype add() { byte was;
#if WITHOUT == ATOMIC
was = sum; sum = was + 1
#else
atomic { was = sum; sum = was + 1 }
#endif
; sum == 2 }
END
    passes "$model" "$small" -
    refuses 'no scenario -DSINGEL' "$model" "$small" -DSINGEL
    sed -i 's/#define ATOMIC 1/&\n#define NOTHING 1/' "$small"
    refuses 'have a number each' "$model" "$small" -
    sed -i 's/#define NOTHING 1/#define NOTHING 2/' "$small"
    refuses 'nothing is wrong without NOTHING' "$model" "$small" -
    sed -i 's/sum == 2/sum == 3/' "$small"
    refuses 'errors: 1' "$model" "$small" -
    sed -i '/^#define/d' "$small"
    refuses 'nothing that it can go without' "$model" "$small" -
    echo '}' >>"$small"
    sed -i '1i #define ATOMIC 1' "$small"
    refuses 'syntax error' "$model" "$small" -
fi

exit $failed
