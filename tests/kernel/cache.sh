# SPDX-License-Identifier: MIT
#
# What uml-build and qemu-build have in common, to be sourced: how they fail, install what is missing
# and keep what they built below the user's cache folder, by the version of the kernel's source and
# by the recipe. Knows Debian; nothing of what is built.

here=$(cd "$(dirname "$0")" && pwd)
self=$(basename "$0")
series=6.12
source_package=linux-source-$series
tarball=/usr/src/$source_package.tar.xz
cache=${XDG_CACHE_HOME:-${HOME:?or XDG_CACHE_HOME must say where the cache is}/.cache}/libioasid

fail() {
    echo "$self: $*" >&2
    exit 1
}

# This machine cannot have that kernel, which is nobody's mistake.
cannot() {
    echo "$self: $*" >&2
    exit 77
}

# find_cached NAME RECIPE-FILE...: sets $folder, where the result is or would be; fails if it is not
# there. Where no source is installed, the newest that this recipe has made will do.
find_cached() {
    local name=$1 version recipe
    shift
    recipe=$(cd "$here" && cat cache.sh "$self" "$@" | sha256sum | cut -c1-12)
    if version=$(dpkg-query -W -f '${Version}' "$source_package" 2>/dev/null) && [ -n "$version" ]; then
        folder=$cache/$name-$version-$recipe
    else
        folder=$(find "$cache" -maxdepth 1 -name "$name-*-$recipe" 2>/dev/null | sort -V | tail -n 1)
    fi
    [ -n "$folder" ] && [ -d "$folder" ]
}

# quiet_apt ARGUMENTS...: two builds at once take turns.
quiet_apt() {
    mkdir -p "$cache"
    (
        flock 9
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q -y \
            --no-install-recommends "$@"
    ) >"$cache/apt.log" 2>&1 9>"$cache/lock"
}

# install_needed PACKAGE...: those that are missing.
install_needed() {
    local package missing=()
    for package; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            missing+=("$package")
    done
    [ ${#missing[@]} != 0 ] || return 0
    [ "$(id -u)" = 0 ] || cannot "as root, please: apt-get install ${missing[*]}"
    if ! quiet_apt update || ! quiet_apt install "${missing[@]}"; then
        tail -n 20 "$cache/apt.log" >&2
        cannot "cannot install ${missing[*]}"
    fi
}

# Sets $work, a folder that is gone in the end.
make_work() {
    mkdir -p "$cache"
    # what a build left that was killed
    find "$cache" -maxdepth 1 -name 'build.*' -mtime +0 -exec rm -rf {} +
    work=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
}

# A result is there as a whole or not at all; who comes second finds the first one's.
keep() {
    mv -T "$1" "$folder" 2>/dev/null || [ -d "$folder" ] || fail "cannot make $folder"
}
