# SPDX-License-Identifier: MIT
"""Shell scripts pass shellcheck."""
import shutil
import subprocess

from sources import ROOT, finish, of_language, skip

scripts = of_language("shell")
if not shutil.which("shellcheck"):
    skip("shellcheck is not installed")
done = subprocess.run(["shellcheck", "--external-sources", "--format=gcc", *map(str, scripts)],
                      cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
faults = done.stdout.splitlines()
if done.returncode != 0 and not faults:
    faults = ["shellcheck failed with status %d" % done.returncode]
finish(faults, "%d shell scripts" % len(scripts))
