# SPDX-License-Identifier: MIT
"""
What must not stand in the repository: notes to oneself, which belong where they are worked on,
paths of one machine, and the hosts of package registries: tools take these from the machine's
configuration.
"""
import re

from sources import files, finish, lines_of

WORDS = (
    # In pieces, for this file is one of those that are looked at.
    (r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", "an unfinished thing"),
    (r"(?<![\w.$}\"'*)])/(home|root|work|mnt|Users)/\w", "a path of one machine"),
    (r"\b(deb|ftp|archive|security|snapshot|packages|registry|index|proxy|static|pypi|crates)"
     r"\.(\w[\w-]*\.)*(org|com|net|io)\b", "the host of a package registry"),
)

faults = ["%s:%d: %s: %s" % (path, number, what, match[0])
          for path in files()
          for number, line in enumerate(lines_of(path), 1)
          for pattern, what in WORDS
          for match in re.finditer(pattern, line)]
finish(faults, "the words of %d files" % len(files()))
