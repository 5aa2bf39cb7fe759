# SPDX-License-Identifier: MIT
"""
devices/ and gdbstub/ have no global mutable state: two devices, and two debuggers, work in one
process. So their libraries must have nothing in the sections that are written to while a program
runs. Tables that the loader fills in with addresses are in .data.rel.ro, which is constant after.

Usage: check_state.py BUILD-DIRECTORY
"""
import pathlib
import re
import shutil
import subprocess
import sys

from sources import finish, skip

LIBRARIES = ("devices", "gdbstub")
WRITABLE = re.compile(r"\.(t?data|t?bss)\b(?!\.rel\.ro)|\*COM\*")
# 0000000000000000 l     O .bss	0000000000000004 counter
SYMBOL = re.compile(r"^[0-9a-f]+ (.{7}) (\S+)\t([0-9a-f]+)\s+(?:\.hidden )?(\S+)$")


def faults_of(library):
    listed = subprocess.run(["objdump", "--syms", library], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    member = library.name
    for line in listed.splitlines():
        if re.match(r"\S+:\s+file format", line):
            member = line.split(":")[0]
        match = SYMBOL.match(line)
        # Sections have symbols, too ("d").
        if match and "d" not in match[1] and int(match[3], 16) and WRITABLE.match(match[2]):
            yield "%s: %s: %s is mutable (%s, %d bytes)" % (
                library.stem, member, match[4], match[2], int(match[3], 16))


build = pathlib.Path(sys.argv[1])
if "GLASSBOX_SANITIZE:STRING=\n" not in (build / "CMakeCache.txt").read_text():
    skip("sanitizers add variables of their own")
if not shutil.which("objdump"):
    skip("objdump is not installed")
libraries = [path for name in LIBRARIES for path in build.glob("%s/**/libglassbox_*.a" % name)]
if not libraries:
    skip("the libraries are not built")
finish([fault for path in libraries for fault in faults_of(path)],
       ", ".join(path.name for path in libraries))
