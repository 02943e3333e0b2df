#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The memory orders of the code and those of the models are the same.

In the files of the ring each order that is stronger than relaxed has a comment before it, which
begins with its name and a colon. What has a name there, or in the table of pending groups, is what
a model can go without; and a name that a comment mentions exists.

    orders.py ROOT
"""

import pathlib
import re
import sys

RING = ["lib/ring.h", "lib/inlet.h", "lib/producer.c", "lib/faultq.c"]
TABLE = ["lib/pending-slot.h", "lib/pending.c", "lib/pending-many.c", "lib/pending-chain.c"]

NAME = r"(?<![A-Z_])(?:ACQUIRE|RELEASE|FENCE)_[A-Z_]+"
ORDER = re.compile(r"__ATOMIC_(?:ACQUIRE|RELEASE|ACQ_REL|SEQ_CST|CONSUME)")
COMMENT = re.compile(r"/\*.*?\*/", re.S)

errors = []


def name_of(comment):
    """The name that a comment begins with, or None."""
    match = re.match(r"/\*\s*(%s):" % NAME, comment.group())
    return match and match.group(1)


def check_all_named(path, text):
    """Each order has the nearest comment before it to itself."""
    bare = COMMENT.sub(lambda m: re.sub(r"\S", " ", m.group()), text)
    seen = set()
    for order in ORDER.finditer(bare):
        before = [comment for comment in COMMENT.finditer(text) if comment.end() <= order.start()]
        name = before and name_of(before[-1])
        line = bare.count("\n", 0, order.start()) + 1
        if not name:
            errors.append(f"{path}:{line}: this order has no name in the comment before it")
        elif name in seen:
            errors.append(f"{path}:{line}: {name} is an order already")
        seen.add(name)
    if not seen:
        errors.append(f"{path}: no memory order in here")


def code_names(root):
    names, mentioned = set(), set()
    for path in RING + TABLE:
        text = (root / path).read_text()
        for comment in COMMENT.finditer(text):
            names |= {name_of(comment)} - {None}
            mentioned |= set(re.findall(NAME, comment.group()))
        if path in RING:
            check_all_named(path, text)
    for name in sorted(mentioned - names):
        errors.append(f"a comment mentions {name}, which is no order")
    return names


def model_names(root):
    names = set()
    for path in sorted((root / "tests/model").glob("*.pml")):
        names |= set(re.findall(r"^#define (%s)\s+\d" % NAME, path.read_text(), re.M))
    return names


def main():
    root = pathlib.Path(sys.argv[1])
    code, model = code_names(root), model_names(root)
    if not code or not model:
        errors.append("no names at all in the code or in the models")
    for name in sorted(code - model):
        errors.append(f"no model goes without {name}")
    for name in sorted(model - code):
        errors.append(f"a model goes without {name}, which is no order of the code")
    print("\n".join(errors) or "%d orders: %s" % (len(code), " ".join(sorted(code))))
    return 1 if errors else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: orders.py ROOT")
    sys.exit(main())
