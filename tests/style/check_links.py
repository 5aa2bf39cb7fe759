# SPDX-License-Identifier: MIT
"""Relative links in Markdown lead to files and headings that exist, and so do paths in backquotes in the documents."""
import re

from sources import ROOT, finish, lines_of, of_language

# [text](target), [text]: target. A title may follow.
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)[^)]*\)|^\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)")
# `path/of/a.file`: what begins with a folder of ours and names a file.
FOLDERS = "base|cmake|devices|docs|gdbstub|tests|tools|trace|vmm"
NAMED = re.compile(r"`((?:%s)/[\w./+-]+)`" % FOLDERS)


def prose(path):
    """(number, line) of what is not in a block of code."""
    fenced = False
    for number, line in enumerate(lines_of(path), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(path):
    """What headings can be linked to by."""
    for _, line in prose(path):
        match = re.match(r"#+\s+(.*?)\s*#*$", line)
        if match:
            yield re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")


def fault_of(path, target):
    if re.match(r"[a-z][a-z+.-]*:", target):
        return None
    name, _, anchor = target.partition("#")
    base = ROOT if name.startswith("/") else (ROOT / path).parent
    wanted = (base / name.lstrip("/")) if name else ROOT / path
    if not wanted.exists():
        return "leads nowhere: " + target
    if anchor and wanted.suffix == ".md" and anchor not in anchors(wanted.relative_to(ROOT)
                                                                   if wanted.is_relative_to(ROOT) else wanted):
        return "no such heading: " + target
    return None


faults, documents = [], of_language("markdown")
for path in documents:
    for number, line in prose(path):
        for match in LINK.finditer(line):
            fault = fault_of(path, match[1] or match[2])
            if fault:
                faults.append("%s:%d: %s" % (path, number, fault))
        for match in NAMED.finditer(line):
            if not (ROOT / match[1]).exists():
                faults.append("%s:%d: there is no %s" % (path, number, match[1]))
finish(faults, "the links of %d documents" % len(documents))
