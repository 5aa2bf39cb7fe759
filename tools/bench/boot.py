# SPDX-License-Identifier: MIT
"""From the start of the process to Debian's kernel in user space, beside QEMU's microvm, turn by
turn."""

import time

from common import Result, end, where
import linux

UP = b"glassbox: user space up"


def seconds_to_user_space(start, *arguments, **keywords):
    began = time.monotonic()
    process = start(*arguments, **keywords)
    linux.read_until(process, UP)
    took = time.monotonic() - began
    end(process)
    return took


def take(options, guest):
    ours, theirs = [], []
    for _ in range(options.runs(5)):
        ours.append(seconds_to_user_space(guest.start))
        if options.peers:
            theirs.append(seconds_to_user_space(guest.start_qemu, machine=linux.MICROVM))
    result = Result("boot.user-space", "s", ours, note="%.1f s at best" % min(ours), where=where())
    if theirs:
        result.note += ", QEMU %.1f s" % min(theirs)
    yield from linux.beside_qemu(result, theirs, Result("boot.ratio", "of QEMU's time", [], bar=0.55), "QEMU microvm")


def benchmark(options):
    """Debian's kernel to user space; with --peers beside QEMU microvm"""
    guest = linux.Guest("boot", "256M", "glassbox.action=sleep")
    return linux.measure("boot", options, guest.make_initrd, lambda: take(options, guest))
