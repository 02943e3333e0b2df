#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the code in the manual against the compiler.

Each block between .EX and .EE of an EXAMPLES section is compiled with the warnings of the library
itself. A block with a main() is a program: it is compiled as it stands, linked and run, and has
to exit 0. Any other is the inside of a function returning int, after man-examples.h, and is
compiled. The prototypes of each SYNOPSIS are compiled behind the headers that it names, so that
they cannot drift apart. A page of section 3 without an example is an error.
"""

import argparse
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

FLAGS = """-std=c11 -D_GNU_SOURCE -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow
    -Wundef -Wvla -Wwrite-strings -Wpointer-arith -Wformat=2 -Wconversion
    -Wimplicit-fallthrough -Werror""".split()

ESCAPES = {r'\e': '\\', r'\-': '-', r'\(aq': "'", r'\(ha': '^', r'\(ti': '~', r'\(ga': '`',
           r'\&': ''}

SNIPPET = """#include "man-examples.h"
int man_example(void);
int man_example(void)
{{
{code}
return 0;
}}
"""

PAGE_TIME_LIMIT = 300  # seconds; only so that a program that hangs is told by name


class Trouble(Exception):
    """Something in the manual is not as it should be."""


def unescape(line, where):
    def plain(match):
        if match.group() not in ESCAPES:
            raise Trouble(f'{where}: unknown escape {match.group()}')
        return ESCAPES[match.group()]
    return re.sub(r'\\(\(..|.)', plain, line)


def sections(page):
    """The page's lines, numbered, by the title of their section."""
    found, title = {}, ''
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith('.SH '):
            title = line[4:].strip('"')
        found.setdefault(title, []).append((number, line))
    return found


def blocks(page, lines):
    """(line number, code) of each block between .EX and .EE."""
    code = None
    for number, line in lines:
        if line.startswith('.EX'):
            begin, code = number, []
        elif line.startswith('.EE'):
            yield begin, '\n'.join(code)
            code = None
        elif code is not None:
            code.append(unescape(line, f'{page.name}:{number}'))
    if code is not None:
        raise Trouble(f'{page.name}: .EX without .EE')


def synopsis(page, lines):
    """The C of a SYNOPSIS: its words without the font macros."""
    code = []
    for number, line in lines:
        if re.match(r'\.(B|BI|BR|RB)\s', line):
            macro, rest = line[1:].split(None, 1)
            plain = rest.startswith('#')
            words = [rest] if plain else shlex.split(rest, posix=True)
            text = (' ' if macro == 'B' else '').join(words)
            code.append(unescape(text, f'{page.name}:{number}'))
    return '\n'.join(code)


def run(what, command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)
    if done.returncode:
        raise Trouble(f'{what}: status {done.returncode}\n{done.stdout}')


class Workshop:
    """Compiles, and counts what it did."""

    def __init__(self, options, directory):
        self.options = options
        self.directory = pathlib.Path(directory)
        self.snippets = self.programs = self.synopses = 0

    def compiler(self, *more):
        here = pathlib.Path(__file__).resolve().parent
        return [*self.options.compiler, *FLAGS, '-I', self.options.include, '-I', str(here), *more]

    def compile(self, what, code):
        source = self.directory / 'example.c'
        source.write_text(code + '\n')
        run(what, self.compiler('-c', '-o', str(self.directory / 'example.o'), str(source)))

    def program(self, what, code):
        self.compile(what, code)
        library = pathlib.Path(self.options.library).resolve()
        program = str(self.directory / 'example')
        run(what, self.compiler('-o', program, str(self.directory / 'example.o'), str(library),
                                f'-Wl,-rpath,{library.parent}', '-pthread'))
        run(what + ' (run)', [program], timeout=PAGE_TIME_LIMIT)
        self.programs += 1

    def snippet(self, what, code):
        self.compile(what, SNIPPET.format(code=code))
        self.snippets += 1

    def page(self, page):
        parts = sections(page)
        if page.suffix == '.3':
            code = synopsis(page, parts.get('SYNOPSIS', []))
            if 'ioasid_' not in code:
                raise Trouble(f'{page.name}: no prototype in its SYNOPSIS')
            self.compile(f'{page.name}: SYNOPSIS', code)
            self.synopses += 1
        examples = list(blocks(page, parts.get('EXAMPLES', [])))
        if not examples:
            raise Trouble(f'{page.name}: no example')
        for line, code in examples:
            kind = self.program if re.search(r'^int main\(', code, re.M) else self.snippet
            kind(f'{page.name}:{line}', code)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--pages', required=True, help='directory of the pages')
    parser.add_argument('--include', required=True, help='directory of the public headers')
    parser.add_argument('--library', required=True, help='the shared library')
    parser.add_argument('compiler', nargs='+', help='the compiler, and its options after --')
    return parser.parse_args()


def main():
    options = arguments()
    pages = sorted(pathlib.Path(options.pages).glob('*.[1-8]'))
    failed = not pages
    if failed:
        print(f'man-examples: no pages in {options.pages}')
    with tempfile.TemporaryDirectory() as directory:
        workshop = Workshop(options, directory)
        for page in pages:
            try:
                workshop.page(page)
            except (Trouble, OSError, subprocess.TimeoutExpired) as trouble:
                print(f'man-examples: {trouble}')
                failed = True
    if not (workshop.snippets and workshop.programs and workshop.synopses):
        print('man-examples: a kind of example is missing altogether')
        failed = True
    print(f'man-examples: {workshop.snippets} snippets, {workshop.programs} programs, '
          f'{workshop.synopses} synopses')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
