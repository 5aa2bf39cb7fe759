# SPDX-License-Identifier: MIT
"""No file is longer than 600 lines, no function longer than 80."""
import ast
import re

from sources import ROOT, files, finish, language, lines_of

FILE_LINES = 600
FUNCTION_LINES = 80


def braced_functions(lines, begin):
    """(name, line, length) of functions that end with a brace in column 0. `begin` matches the line of the opening."""
    name, start = "", 0
    for number, line in enumerate(lines, 1):
        match = re.match(begin, line)
        if match and not start:
            start = number
        elif line[:1] in ("}", ")") and start:
            yield name, start, number - start + 1
            start = 0
        if not start or match:
            found = re.match(r"(?:[\w\s*]*?[\s*])?(\w+)\(", line)
            name = found[1] if found else name


def functions(path, lines):
    kind = language(path)
    if kind == "c":
        return braced_functions(lines, r"\{$")
    if kind == "shell":
        return braced_functions(lines, r"\w+\(\) [{(]$")
    if kind == "python":
        return ((node.name, node.lineno, node.end_lineno - node.lineno + 1)
                for node in ast.walk(ast.parse((ROOT / path).read_text()))
                if isinstance(node, ast.FunctionDef))
    return ()


faults = []
for path in files():
    lines = lines_of(path)
    if len(lines) > FILE_LINES:
        faults.append("%s: %d lines, more than %d" % (path, len(lines), FILE_LINES))
    for name, line, length in functions(path, lines):
        if length > FUNCTION_LINES:
            faults.append("%s:%d: %s() has %d lines, more than %d" %
                          (path, line, name, length, FUNCTION_LINES))
finish(faults, "the sizes of %d files" % len(files()))
