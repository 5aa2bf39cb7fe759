# SPDX-License-Identifier: MIT
"""From the start of the process to Debian's kernel in user space, beside QEMU's microvm, turn by
turn. Where KVM is honest: on this machine, or all of it in the lab."""

import json
import os
import select
import statistics
import subprocess
import sys
import time

from common import BUILD, GLASSBOX, SOURCE, Failed, Result, Skipped, fetch_kernel, need_program, qemu, where
import common

# The quickest of QEMU's machines. Without its RTC a kernel waits 5 s for one.
MACHINE = "microvm,rtc=on,pit=off,pic=off"
UP = b"glassbox: user space up"
COMMAND_LINE = "console=ttyS0 quiet panic=-1 glassbox.action=sleep"
PATIENCE = 240


def seconds_to_user_space(start):
    began = time.monotonic()
    process = start()
    said = b""
    try:
        while UP not in said:
            readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
            data = os.read(process.stdout.fileno(), 65536) if readable else b""
            if not data:
                raise Failed("no user space: ...%s" % said[-300:].decode(errors="replace"))
            said += data
        return time.monotonic() - began
    finally:
        process.kill()
        process.wait()


def measure(options, kernel, initrd):
    ours, theirs = [], []
    def start_ours():
        return subprocess.Popen(
            [GLASSBOX, "run", "--kernel", kernel, "--initrd", initrd, "--memory", "512M", "--append", COMMAND_LINE],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    def start_qemu():
        return qemu("-kernel", kernel, "-initrd", initrd, "-append", COMMAND_LINE, "-serial", "stdio",
                    machine=MACHINE, stdout=subprocess.PIPE)
    for _ in range(options.runs(5)):
        ours.append(seconds_to_user_space(start_ours))
        if options.peers:
            theirs.append(seconds_to_user_space(start_qemu))
    result = Result("boot.user-space", "s", ours, note="%.1f s at best" % min(ours), where=where())
    if theirs:
        result.peer, result.peer_value = "QEMU microvm", statistics.median(theirs)
        result.note += ", QEMU %.1f s" % min(theirs)
    yield result
    if theirs:
        yield Result("boot.ratio", "of QEMU's time", [statistics.median(ours) / statistics.median(theirs)], bar=0.55,
                     where=where())


def place_of():
    """Return "host" or "lab": where KVM is honest."""
    place = subprocess.run([SOURCE / "tests/support/honest-kvm", "--build", BUILD, "--where"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.strip().split("\t")
    if place[0] == "nowhere":
        raise Skipped(place[-1])
    return place[0]


def run_in_lab(options, name):
    """The same program in the lab; its results."""
    command = [SOURCE / "tools/lab/lab", "run", "--timeout", "1800", "--", "env", "GLASSBOX_IN_LAB=1",
               sys.executable, SOURCE / "tools/bench/bench", "--build", BUILD, "--json", name]
    command += ["--quick"] * options.quick + ["--peers"] * options.peers
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    try:
        return [Result.from_json(fields) for fields in json.loads(done.stdout)]
    except ValueError as error:
        raise Failed("the lab: " + (done.stderr or done.stdout).strip()[-300:]) from error


def benchmark(options):
    """Debian's kernel to user space; with --peers beside QEMU microvm"""
    if options.peers:
        need_program(common.QEMU, "qemu-system-x86")
    kernel = fetch_kernel("--series", "6.1", "--print", "vmlinuz")
    initrd = BUILD / "bench/initrd"
    if os.environ.get("GLASSBOX_IN_LAB") == "1":
        return measure(options, kernel, initrd)
    initrd.parent.mkdir(exist_ok=True)
    subprocess.run([SOURCE / "tools/mkinitramfs", "-o", initrd], check=True)
    return run_in_lab(options, "boot") if place_of() == "lab" else measure(options, kernel, initrd)
