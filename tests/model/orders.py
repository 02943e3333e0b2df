#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The memory orders of the code and those of the models are the same.

In the files of the ring, and of the table of pending groups, each order that is stronger than
relaxed has a comment before it, which begins with its name and a colon. What has a name is of the
kind that it says, and what a model that is checked can go without; and a name that a comment
mentions exists.

    orders.py ROOT
"""

import pathlib
import re
import sys

sys.dont_write_bytecode = True  # what is imported is in the source tree
import model  # noqa: E402

FILES = ["lib/ring.h", "lib/inlet.h", "lib/producer.c", "lib/faultq.c",
         "lib/pending-slot.h", "lib/pending.c", "lib/pending-many.c", "lib/pending-chain.c"]

NAME = r"(?<![A-Z_])(?:ACQUIRE|RELEASE|FENCE)_[A-Z_]+"
ORDER = re.compile(r"__ATOMIC_(?:ACQUIRE|RELEASE|ACQ_REL|SEQ_CST|CONSUME)")
KINDS = {"ACQUIRE": r"__ATOMIC_ACQUIRE\b", "RELEASE": r"__ATOMIC_RELEASE\b",
         "FENCE": r"__atomic_thread_fence\(__ATOMIC_SEQ_CST\)"}
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


def check_kind(path, name, code):
    """The code between the comment and the next one has an order of the kind."""
    kind = name.split("_")[0]
    if not re.search(KINDS[kind], code):
        errors.append(f"{path}: behind the comment of {name} is no order of that kind")


def check_kinds(path, text):
    comments = list(COMMENT.finditer(text))
    ends = [comment.start() for comment in comments[1:]] + [len(text)]
    for comment, end in zip(comments, ends):
        if name_of(comment):
            check_kind(path, name_of(comment), text[comment.end():end])


def code_names(root):
    names, mentioned = set(), set()
    for path in FILES:
        text = (root / path).read_text()
        for comment in COMMENT.finditer(text):
            names |= {name_of(comment)} - {None}
            mentioned |= set(re.findall(NAME, comment.group()))
        check_kinds(path, text)
        check_all_named(path, text)
    for name in sorted(mentioned - names):
        errors.append(f"a comment mentions {name}, which is no order")
    return names


def model_names(root):
    """Of the models that the build has checked."""
    names = set()
    models = root / "tests/model"
    for name in re.findall(r"^    '(\w+)': \[", (models / "meson.build").read_text(), re.M):
        names |= {removal for removal, _ in model.removals(models / (name + ".pml"))}
    return {name for name in names if re.fullmatch(NAME, name)}


def main():
    root = pathlib.Path(sys.argv[1])
    code, known = code_names(root), model_names(root)
    if not code or not known:
        errors.append("no names at all in the code or in the models")
    for name in sorted(code - known):
        errors.append(f"no model goes without {name}")
    for name in sorted(known - code):
        errors.append(f"a model goes without {name}, which is no order of the code")
    print("\n".join(errors) or "%d orders: %s" % (len(code), " ".join(sorted(code))))
    return 1 if errors else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: orders.py ROOT")
    sys.exit(main())
