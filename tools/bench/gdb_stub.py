# SPDX-License-Identifier: MIT
"""How fast the gdb stub answers: single-steps, steps through a range that it makes by itself, sets
of registers, memory. The guest is a loop; the peer is QEMU's stub with the same guest and client."""

import collections
import contextlib
import pathlib
import tempfile
import time

from common import Failed, Result, end, glassbox, need_kvm, need_program, qemu
import common
import guests
import rsp

MEMORY_GPA = 0x2000000
MEMORY_BYTES = 16 << 20


def per_second(count, action):
    began = time.monotonic()
    for _ in range(count):
        action()
    return count / (time.monotonic() - began)


def step(client):
    if not client.request("vCont;s").startswith(b"T"):
        raise Failed("a step did not end in a stop reply")


def range_steps(client):
    """Steps a second inside one vCont;r. It begins at the loop's first instruction."""
    while program_counter(client) != guests.SPIN_LOOP:
        step(client)
    began = time.monotonic()
    client.request("vCont;r%x,%x:1" % (guests.SPIN_LOOP, guests.SPIN_END))
    took = time.monotonic() - began
    if program_counter(client) != guests.SPIN_END:
        raise Failed("vCont;r stopped at %#x" % program_counter(client))
    return guests.SPIN_STEPS / took


def program_counter(client):
    """RIP out of g: the 17th register of 8 bytes (org.gnu.gdb.i386.core)."""
    registers = bytes.fromhex(rsp.expand_runs(client.request("g"))[:17 * 16].decode())
    return int.from_bytes(registers[16 * 8:], "little")


def memory_rate(client, command, piece):
    """MB/s of guest memory read."""
    def read_all():
        for at in range(0, MEMORY_BYTES, piece):
            client.request("%s%x,%x" % (command, MEMORY_GPA + at, piece))
    return per_second(1, read_all) * MEMORY_BYTES / 1e6


def take_samples(client, samples, count, has_ranges):
    """One of each: steps, ranges, registers and memory."""
    # Half of it for the two digits of a byte; as much as fits whole pages, at most 32 KiB.
    piece = min((client.packet_size - 8) // 2 // 256 * 256, 0x8000)
    samples["step"].append(per_second(count, lambda: step(client)))
    if has_ranges:
        samples["range-step"].append(range_steps(client))
    samples["registers"].append(per_second(count, lambda: client.request("g")))
    samples["memory"].append(memory_rate(client, "m", piece))
    if client.has_binary_read:
        samples["memory-binary"].append(memory_rate(client, "x", piece))


@contextlib.contextmanager
def glassbox_stub(kernel, directory):
    """A client of Glassbox's stub, whose guest has not run yet."""
    socket = directory / "glassbox.gdb"
    with glassbox("--kernel", kernel, "--gdb", "unix:%s" % socket, "--wait-gdb", "--console", "none") as machine:
        with rsp.Client(socket) as client:
            yield client
        end(machine.process)


@contextlib.contextmanager
def qemu_stub(kernel, directory):
    """A client of QEMU's."""
    socket = directory / "qemu.gdb"
    with qemu("-kernel", kernel, "-gdb", "unix:%s,server=on,wait=off" % socket, "-S") as machine:
        try:
            with rsp.Client(socket) as client:
                # QEMU wants to hear of registers it has described before it tells of 64 bits.
                client.request("qXfer:features:read:target.xml:0,ffb")
                yield client
        finally:
            end(machine)


def measure(kernel, directory, options):
    """Samples by what they are of, ours and the peer's, taken turn by turn."""
    ours, theirs = collections.defaultdict(list), collections.defaultdict(list)
    count = 300 if options.quick else 1000
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(glassbox_stub(kernel, directory))
        peer = stack.enter_context(qemu_stub(kernel, directory)) if options.peers else None
        for _ in range(options.runs(7)):
            take_samples(client, ours, count, has_ranges=True)
            if peer:
                take_samples(peer, theirs, count, has_ranges=False)
    return ours, theirs


def benchmark(options):
    """the gdb stub: steps, registers and memory in a second"""
    need_kvm()
    if options.peers:
        need_program(common.QEMU, "qemu-system-x86")
    with tempfile.TemporaryDirectory(prefix="glassbox-bench-") as scratch:
        directory = pathlib.Path(scratch)
        ours, theirs = measure(guests.spin(directory), directory, options)
    # Where QEMU has no such request, gdb does it with the other one.
    instead = {"range-step": "step", "memory-binary": "memory"}
    for name, samples in ours.items():
        unit = "MB/s" if name.startswith("memory") else "/s"
        result = Result("gdb." + name, unit, samples, more_is_better=True)
        peer = theirs.get(name) or theirs.get(instead.get(name))
        if peer:
            result.peer, result.peer_value = "QEMU", Result("", "", peer).value
            result.note = "" if theirs.get(name) else "QEMU's " + instead[name]
        yield result
