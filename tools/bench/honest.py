# SPDX-License-Identifier: MIT
"""Benchmarks that boot Linux: they run where KVM is honest, on this machine or, all of it, in the lab."""

import json
import os
import subprocess
import sys

from common import BUILD, SOURCE, Failed, Result, Skipped


def place():
    """Return "host" or "lab"."""
    words = subprocess.run([SOURCE / "tests/support/honest-kvm", "--build", BUILD, "--where"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.strip().split("\t")
    if words[0] == "nowhere":
        raise Skipped(words[-1])
    return words[0]


def run_in_lab(name, options):
    """The results of this same program in the lab."""
    command = [SOURCE / "tools/lab/lab", "run", "--timeout", "1800", "--", "env", "GLASSBOX_IN_LAB=1",
               sys.executable, SOURCE / "tools/bench/bench", "--build", BUILD, "--json", name]
    command += ["--quick"] * options.quick + ["--peers"] * options.peers
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    try:
        return [Result.from_json(fields) for fields in json.loads(done.stdout)]
    except ValueError as error:
        raise Failed("the lab: " + (done.stderr or done.stdout).strip()[-300:]) from error


def measure(name, options, prepare, take):
    """The results that take() yields, where KVM is honest; `name` is the benchmark's, for the lab to start it.

    prepare() makes files below the build directory first. It runs on this machine, for the lab has no network."""
    if os.environ.get("GLASSBOX_IN_LAB") == "1":
        return list(take())
    prepare()
    return run_in_lab(name, options) if place() == "lab" else list(take())
