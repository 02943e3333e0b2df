#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The arrows of the house point one way.

Each row of the table names files and what they may include of the house; the first row that a file
matches counts. A file that no row names fails, and so does a row that names no file. What is
included with <> and is not ours must be a header of libc that is listed here.

    layering.py ROOT
"""

import fnmatch
import pathlib
import re
import sys

NOT_MOCK = ["<ioasid/fault.h>", "<ioasid/ioasid.h>", "<ioasid/map.h>", "<ioasid/pgtable.h>",
            "<ioasid/ring.h>"]

RULES = [
    # files, what they may include
    ("include/ioasid/ring.h", []),
    ("include/ioasid/fault.h", ["<ioasid/ring.h>"]),
    ("include/ioasid/ioasid.h", ["<ioasid/map.h>", "<ioasid/ring.h>"]),
    ("include/ioasid/map.h", []),
    ("include/ioasid/pgtable.h", []),
    ("include/ioasid/mock.h", ["<ioasid/ioasid.h>"]),
    # the bottom of the library: nouns that know no object
    ("lib/ring.h", ["<ioasid/ring.h>"]),
    ("lib/inlet.h", ["<ioasid/ring.h>"]),
    ("lib/clock.h", []),
    ("lib/list.h", []),
    ("lib/lock.h", []),
    ("lib/error.h", []),
    ("lib/error.c", ["lib/error.h", "<ioasid/ioasid.h>"]),
    ("lib/maptree*.[ch]", ["lib/maptree*.h"]),
    ("lib/gate.[ch]", ["lib/gate.h"]),
    ("lib/latch.[ch]", ["lib/latch.h"]),
    ("lib/pending*.[ch]", ["lib/pending*.h", "lib/latch.h"]),
    ("lib/opts.[ch]", ["lib/opts.h", "lib/error.h"]),
    ("lib/producer.[ch]", ["lib/producer.h", "lib/inlet.h", "lib/ring.h", "lib/pending.h", "lib/list.h",
                           "<ioasid/fault.h>", "<ioasid/ring.h>"]),
    # the seam
    ("lib/backend.h", NOT_MOCK),
    ("lib/backend.c", ["lib/backend.h", "lib/error.h"]),
    # how an IOMMU reads guests' tables: the bottom of its leaf
    ("lib/mock/walk*.[ch]", ["<ioasid/mock.h>", "<ioasid/pgtable.h>", "<ioasid/ring.h>", "lib/mock/walk*.h",
                             "lib/error.h"]),
    # the leaves: the seam, the bottom, and of the core how a context is made
    ("lib/mock/*.[ch]", ["<ioasid/*.h>", "lib/mock/*.h", "lib/backend.h", "lib/ctx.h",
                         "lib/error.h", "lib/list.h", "lib/maptree.h", "lib/opts.h",
                         "lib/pending.h", "lib/producer.h"]),
    ("lib/iommufd/*uapi.h", ["lib/iommufd/uapi.h"]),
    ("lib/iommufd/call.[ch]", ["lib/iommufd/call.h"]),
    ("lib/iommufd/*.[ch]", NOT_MOCK + ["lib/iommufd/*.h", "lib/backend.h", "lib/clock.h", "lib/error.h",
                                       "lib/list.h", "lib/lock.h", "lib/pending.h", "lib/producer.h"]),
    # where the kernel is opened, and of each leaf of the kernel the door
    ("lib/open.c", NOT_MOCK + ["lib/*.h", "lib/iommufd/open.h"]),
    # the core: no leaf, nor what a leaf is used with
    ("lib/*.[ch]", NOT_MOCK + ["lib/*.h"]),
    # what users see is all that users have
    ("examples/*.[ch]", ["<ioasid/*.h>", "examples/*.h"]),
    ("examples/common/*.[ch]", ["<ioasid/*.h>", "examples/common/*.h"]),
    ("examples/fault-relay/*.[ch]", ["<ioasid/*.h>", "examples/common/*.h",
                                     "examples/fault-relay/*.h"]),
    ("examples/ioasid-info/*.[ch]", ["<ioasid/*.h>", "examples/*.h", "examples/ioasid-info/*.h"]),
    ("examples/passthrough/*.[ch]", ["<ioasid/*.h>", "examples/*.h", "examples/passthrough/*.h"]),
    ("examples/pasid-table/*.[ch]", ["<ioasid/*.h>", "examples/*.h", "examples/common/*.h",
                                     "examples/pasid-table/*.h"]),
    ("examples/vsva/*.[ch]", ["<ioasid/*.h>", "examples/common/*.h", "examples/vsva/*.h"]),
]

LIBC = set("""assert.h dirent.h errno.h fcntl.h inttypes.h limits.h linux/futex.h poll.h pthread.h stdarg.h
    stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h sys/auxv.h sys/epoll.h sys/eventfd.h sys/ioctl.h
    sys/mman.h sys/resource.h sys/stat.h sys/sysmacros.h sys/syscall.h sys/timerfd.h sys/types.h sys/uio.h time.h
    unistd.h""".split())
# of programs; the library does without
LIBC_OF_EXAMPLES = LIBC | set("""getopt.h linux/vfio.h sched.h signal.h stdatomic.h sys/time.h
    termios.h""".split())

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def shown(root, path, quote, name):
    """How the table writes an include: <ioasid/x.h>, or the path of the file that it is."""
    if quote == "<":
        return f"<{name}>"
    target = (path.parent / name).resolve()
    return target.relative_to(root).as_posix() if target.is_file() else None


def is_like(name, pattern):
    """As in a shell: "*" stays inside a directory."""
    return pattern.count("/") == name.count("/") and fnmatch.fnmatchcase(name, pattern)


def problems_of(root, path, allowed):
    name = path.relative_to(root).as_posix()
    libc = LIBC_OF_EXAMPLES if name.startswith("examples/") else LIBC
    for quote, target in INCLUDE.findall(path.read_text()):
        include = shown(root, path, quote, target)
        if include is None:
            yield f'{name}: "{target}" is nowhere'
        elif quote == "<" and not target.startswith("ioasid/"):
            if target not in libc:
                yield f"{name}: <{target}> is no header of libc that is listed in layering.py"
        elif not any(is_like(include, pattern) for pattern in allowed):
            yield f"{name} must not include {include}"


def allowed_for(name):
    for pattern, allowed in RULES:
        if is_like(name, pattern):
            return pattern, allowed
    return None, None


def check(root):
    files = sorted(path for top in ("include", "lib", "examples")
                   for path in (root / top).rglob("*.[ch]"))
    used = set()
    for path in files:
        name = path.relative_to(root).as_posix()
        if not path.stat().st_size:
            yield f"{name} is empty"
        pattern, allowed = allowed_for(name)
        if pattern is None:
            yield f"{name} is in no layer that layering.py knows"
            continue
        used.add(pattern)
        yield from problems_of(root, path, allowed)
    for pattern, _ in RULES:
        if pattern not in used:
            yield f"no file is {pattern}"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: layering.py ROOT")
    found = list(check(pathlib.Path(sys.argv[1]).resolve()))
    for problem in found:
        print(f"layering: {problem}", file=sys.stderr)
    sys.exit(1 if found else 0)


main()
