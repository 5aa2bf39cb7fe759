# SPDX-License-Identifier: MIT
"""Manual pages pass mandoc's checks."""
import shutil
import subprocess

from sources import ROOT, finish, of_language, skip

pages = of_language("man")
if not shutil.which("mandoc"):
    skip("mandoc is not installed")
faults = []
if pages:
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *map(str, pages)],
                          cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    faults = done.stdout.splitlines()
finish(faults, "%d manual pages" % len(pages))
