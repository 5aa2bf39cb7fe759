# SPDX-License-Identifier: MIT
"""
Compares what a program printed with what it should have printed.

In the expected text {{REGEX}} stands for what varies, and a line that is just [...] for any number
of lines, or none. Blank lines and the amount of blank space within a line don't count.
"""
import re


def squeeze(line):
    return " ".join(line.split())


def pattern_of(line):
    """The regular expression that a line of the expected text stands for."""
    parts = re.split(r"\{\{(.*?)\}\}", squeeze(line))
    # Every second part was between braces.
    return re.compile("".join("(?:%s)" % part if i % 2 else re.escape(part)
                              for i, part in enumerate(parts)))


def lines_of(text):
    return [squeeze(line) for line in text.splitlines() if line.strip()]


def difference(expected, actual, same=None):
    """
    None if the texts agree, else a sentence and the lines around the place where they part.
    `same(expected_line, actual_line)` replaces the comparison of two lines.
    """
    if same is None:
        def same(pattern, line):
            return pattern_of(pattern).fullmatch(line)
    got = lines_of(actual)
    at = 0
    searching = False
    for line in lines_of(expected):
        if line == "[...]":
            searching = True
            continue
        found = at
        while searching and found < len(got) and not same(line, got[found]):
            found += 1
        if found >= len(got) or not same(line, got[found]):
            return "\n".join(["expected%s:" % (" somewhere" if searching else ""), "    " + line,
                              "but the output goes on after its line %d with:" % at]
                             + ["    " + each for each in (got[at:at + 12] or ["(its end)"])])
        at = found + 1
        searching = False
    if not searching and at < len(got):
        return "\n".join(["expected nothing more after line %d of the output, but there is:" % at]
                         + ["    " + each for each in got[at:at + 12]])
    return None
