# SPDX-License-Identifier: MIT
"""C is formatted as .clang-format says, and no file has blanks at the ends of lines."""
import re
import shutil
import subprocess

from sources import ROOT, files, finish, lines_of, of_language, skip

# Other versions break lines elsewhere.
CLANG_FORMAT_VERSION = "14"


def blanks(path):
    text = (ROOT / path).read_bytes()
    if text and not text.endswith(b"\n"):
        yield "%s: no end of line at the end of the file" % path
    for number, line in enumerate(lines_of(path), 1):
        if line != line.rstrip():
            yield "%s:%d: blanks at the end of the line" % (path, number)


def misformatted(program, paths):
    done = subprocess.run([program, "--dry-run", *map(str, paths)], cwd=ROOT, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    places = re.findall(r"^(\S+?):(\d+):\d+: ", done.stderr, re.MULTILINE)
    if done.returncode != 0 and not places:
        yield done.stderr.strip()
    for path in sorted({path for path, _ in places}):
        lines = sorted({int(line) for name, line in places if name == path})
        yield "%s:%d: not formatted (%d lines): clang-format -i %s" % (
            path, lines[0], len(lines), path)


faults = [fault for path in files() for fault in blanks(path)]
program = shutil.which("clang-format-" + CLANG_FORMAT_VERSION) or shutil.which("clang-format")
version = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True).stdout \
    if program else "none"
if "version %s." % CLANG_FORMAT_VERSION in version:
    sources = of_language("c")
    faults += misformatted(program, sources)
elif not faults:
    skip("clang-format %s is needed; there is: %s" % (CLANG_FORMAT_VERSION, version.strip()))
finish(faults, "the format of %d files" % len(files()))
