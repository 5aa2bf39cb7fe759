# SPDX-License-Identifier: MIT
"""Code that documents show as that of a file, by <!-- from: PATH --> before the block, is in that file."""
import re

from sources import ROOT, finish

QUOTE = re.compile(r"<!-- from: (\S+) -->\n+```\w*\n(.*?)```", re.DOTALL)

faults, count = [], 0
for document in sorted((ROOT / "docs").glob("*.md")):
    text = document.read_text()
    for match in QUOTE.finditer(text):
        count += 1
        path = ROOT / match[1]
        if not path.is_file() or match[2] not in path.read_text():
            faults.append("%s:%d: this code is not in %s" % (
                document.relative_to(ROOT), text.count("\n", 0, match.start()) + 1, match[1]))
finish(faults, "%d quotations of code" % count)
