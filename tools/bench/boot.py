# SPDX-License-Identifier: MIT
"""From the start of the process to Debian's kernel in user space, beside QEMU's microvm, turn by
turn."""

import os
import select
import statistics
import subprocess
import time

from common import BUILD, GLASSBOX, SOURCE, Failed, Result, fetch_kernel, need_program, qemu, where
import common
import honest

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
            [GLASSBOX, "run", "--kernel", kernel, "--initrd", initrd, "--memory", "256M", "--append", COMMAND_LINE],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    def start_qemu():
        return qemu("-kernel", kernel, "-initrd", initrd, "-append", COMMAND_LINE, "-serial", "stdio",
                    "-m", "256M", machine=MACHINE, stdout=subprocess.PIPE)
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


def benchmark(options):
    """Debian's kernel to user space; with --peers beside QEMU microvm"""
    if options.peers:
        need_program(common.QEMU, "qemu-system-x86")
    kernel = fetch_kernel("--series", "6.1", "--print", "vmlinuz")
    initrd = BUILD / "bench/initrd"
    make_initrd = [SOURCE / "tools/mkinitramfs", "-o", initrd]
    initrd.parent.mkdir(exist_ok=True)
    return honest.measure("boot", options, lambda: subprocess.run(make_initrd, check=True),
                          lambda: measure(options, kernel, initrd))
