# SPDX-License-Identifier: MIT
"""
Every source file begins with its license, and then with a comment that says what it is. A .c file
may leave that to its .h file, and a unit test to its name.
"""
import re

from sources import ROOT, files, finish, language, lines_of

LICENSE = "SPDX-License-Identifier: MIT"

# Build descriptions say what they are by their place.
NEEDS_COMMENT = ("c", "shell", "python")


# How a comment begins, and what in it says nothing.
COMMENT = {"c": r"/\*", "shell": r"#", "python": r'#|"""'}
SILENT = r"#\s*shellcheck |[#/*\"\s]*$"


def has_comment(path):
    """Is what follows the license a comment that says something?"""
    lines = lines_of(path)
    lines = lines[2 if lines[0].startswith("#!") else 1:]
    inside = False
    for line in lines:
        inside = inside or bool(re.match(COMMENT[language(path)], line))
        if not re.match(SILENT, line):
            return inside
    return False


def says_what_it_is(path):
    if has_comment(path):
        return True
    header = path.with_suffix(".h")
    return (path.suffix == ".c" and (ROOT / header).exists() and has_comment(header)
            or path.name.endswith("_test.c"))


def faults_of(path):
    lines = lines_of(path)
    if language(path) in ("shell", "python") and lines and lines[0].startswith("#!"):
        lines = lines[1:]
    if not lines or LICENSE not in lines[0]:
        yield "%s: does not begin with %s" % (path, LICENSE)
    elif language(path) in NEEDS_COMMENT and not says_what_it_is(path):
        yield "%s: no comment at its top says what it is" % path


sources = [path for path in files()
           if language(path) in ("c", "shell", "python", "cmake") or path.suffix in (".asl", ".map", ".S")]
finish([fault for path in sources for fault in faults_of(path)], "the heads of %d files" % len(sources))
