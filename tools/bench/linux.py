# SPDX-License-Identifier: MIT
"""Guests that run Debian's kernel: made on this machine, started where KVM is honest, on it or, all of it, in the lab,
below Glassbox or below QEMU."""

import json
import os
import pathlib
import select
import statistics
import subprocess
import sys
import time

from common import (BUILD, GLASSBOX, QEMU, SOURCE, Failed, Result, Skipped, end, fetch_kernel, need_program, qemu, where)

# The quickest of QEMU's machines. Without its RTC a kernel waits 5 s for one.
MICROVM = "microvm,rtc=on,pit=off,pic=off"
PATIENCE = 240

# How an init begins.
START = """#!/bin/sh
mount -t devtmpfs dev /dev 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do
    insmod "$module"
done </modules
"""


class Guest:
    """A kernel, and an initramfs in a directory that the lab sees."""

    def __init__(self, name, memory, append=""):
        self.directory = BUILD / "bench" / name
        self.kernel = fetch_kernel("--series", "6.1", "--print", "vmlinuz")
        self.initrd = self.directory / "initrd"
        self.memory = memory
        self.append = f"console=ttyS0 quiet panic=-1 {append}".strip()

    def make_initrd(self, *options, init=None, modules=()):
        """With an init that is this text, or the one of tools/mkinitramfs."""
        command = [SOURCE / "tools/mkinitramfs", "-o", self.initrd, *options]
        self.directory.mkdir(parents=True, exist_ok=True)
        if init:
            (self.directory / "init").write_text(init)
            command += ["--init", self.directory / "init"]
        if modules:
            command += ["--module-dir", fetch_kernel("--series", "6.1", "--print", "modules"), "--module", *modules]
        subprocess.run(command, check=True)

    def start(self, *devices):
        """It, below Glassbox. The caller ends it."""
        return subprocess.Popen(
            [GLASSBOX, "run", "--kernel", self.kernel, "--initrd", self.initrd, "--memory", self.memory,
             "--append", self.append, *devices],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def start_qemu(self, *devices, machine):
        """The same, below QEMU."""
        return qemu("-kernel", self.kernel, "-initrd", self.initrd, "-m", self.memory, "-append", self.append,
                    "-serial", "stdio", *devices, machine=machine, stdout=subprocess.PIPE)


def read_until(process, marker):
    """What the guest says, up to this."""
    said, deadline = b"", time.monotonic() + PATIENCE
    while marker not in said:
        readable, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
        data = os.read(process.stdout.fileno(), 65536) if readable else b""
        if not data:
            end(process)
            raise Failed("the guest of %s did not say '%s': ...%s" % (
                pathlib.Path(process.args[0]).name, marker.decode(), (said + process.stderr.read())[-300:].decode(errors="replace")))
        said += data
    return said


def beside_qemu(result, theirs, ratio, peer="QEMU"):
    """The result, and if QEMU was measured, too, the two of them as one more, which is `ratio` but for its samples."""
    if theirs:
        result.peer, result.peer_value = peer, statistics.median(theirs)
    yield result
    if theirs and ratio:
        ratio.samples, ratio.where = [result.ratio], result.where
        yield ratio


def _place():
    """Return "host" or "lab"."""
    words = subprocess.run([SOURCE / "tests/support/honest-kvm", "--build", BUILD, "--where"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.strip().split("\t")
    if words[0] == "nowhere":
        raise Skipped(words[-1])
    return words[0]


def _run_in_lab(name, options):
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
    if options.peers:
        need_program(QEMU, "qemu-system-x86")
    if os.environ.get("GLASSBOX_IN_LAB") == "1":
        return list(take())
    prepare()
    return _run_in_lab(name, options) if _place() == "lab" else list(take())
