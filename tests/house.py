#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the sources against the house's style, as far as that can be measured.

Every file opens with its licence and with what it is for; files of the library have at most 450
lines and their functions at most 60; nothing names a place on somebody's machine; no source is left
out of the build.

    house.py ROOT
"""

import pathlib
import re
import sys

LICENCE = "SPDX-License-Identifier: MIT"
FILE_LINES = 450
FUNCTION_LINES = 60
# Where sources are; each must hold some.
SOURCES = {
    "include": (".h",),
    "lib": (".c", ".h"),
    "examples": (".c", ".h"),
    "tests": (".c", ".h", ".pml", ".sh", ".py"),
}
PLACES = re.compile(r"(?<![\w.])/(?:home|root|work|Users|mnt|opt)/|\.\./shared")


def opening(path, lines):
    """The licence is the first line (the second of a script), and a comment follows."""
    first = 1 if lines and lines[0].startswith("#!") else 0
    if len(lines) <= first or LICENCE not in lines[first]:
        yield f"the licence is not in line {first + 1}"
        return
    after = lines[first + 1] if len(lines) > first + 1 else ""
    if not after.startswith("/*" if path.suffix in (".c", ".h", ".pml") else ("#", '"""')):
        yield "it does not say what it is for"


def functions(lines):
    """Line and length of every function body, of code as clang-format leaves it."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield start, number - start + 1
            start = None


def sizes(lines):
    if len(lines) > FILE_LINES:
        yield f"{len(lines)} lines, more than {FILE_LINES}"
    for start, length in functions(lines):
        if length > FUNCTION_LINES:
            yield f"line {start}: a function of {length} lines, more than {FUNCTION_LINES}"


def problems_of(root, path):
    lines = path.read_text().splitlines()
    yield from opening(path, lines)
    if path.relative_to(root).parts[0] == "lib":
        yield from sizes(lines)
    for number, line in enumerate(lines, 1):
        if PLACES.search(line) and path.name != "house.py":
            yield f"line {number}: a place on somebody's machine"


def is_listed(root, path):
    """Named in the nearest meson.build, or as a check program is: fuzz-x.c is a 'x'."""
    top = path.parent
    while not (top / "meson.build").is_file():
        top = top.parent
    listing = (top / "meson.build").read_text()
    own = path.relative_to(top)
    names = [own.as_posix(), own.with_suffix("").as_posix()]
    if "tests" in path.relative_to(root).parts and "-" in path.stem:
        names.append(path.stem.split("-", 1)[1])
    return any(f"'{name}'" in listing for name in names)


def check(root):
    for top, suffixes in SOURCES.items():
        paths = sorted(p for p in (root / top).rglob("*") if p.is_file() and p.suffix in suffixes)
        if not paths:
            yield f"no sources in {top}"
        for path in paths:
            name = path.relative_to(root).as_posix()
            yield from (f"{name}: {problem}" for problem in problems_of(root, path))
            if path.suffix == ".c" and not is_listed(root, path):
                yield f"{name}: not in meson.build"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: house.py ROOT")
    found = list(check(pathlib.Path(sys.argv[1]).resolve()))
    for problem in found:
        print(f"house: {problem}", file=sys.stderr)
    sys.exit(1 if found else 0)


main()
