#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The stop protocol under stress: a debugger that stops, steps, counts, leaves and comes back.

With two vCPUs that count as fast as they can. To be run under ThreadSanitizer, too.
"""

import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
import run_kernel  # noqa: E402
import vmm_process as vmm  # noqa: E402
from rsp_client import RspClient, RspError  # noqa: E402

# Each vCPU counts in a loop of three instructions; RBX and R12 have the same number as the memory.
COUNTERS = """
        start_second second
        xor     %r12d, %r12d
loop0:  inc     %r12
        mov     %r12, count0
        jmp     loop0

second: xor     %r12d, %r12d
loop1:  inc     %r12
        mov     %r12, count1
        jmp     loop1

        .data
        .balign 64
count0: .quad   0
        .balign 64
count1: .quad   0
        .text
"""

CALLS = 200
CALLER = f"""
        mov     $0x900000, %rsp
        mov     ${CALLS}, %ebp
again:  call    callee
        dec     %ebp
        jnz     again
        print   "done\\n"
        power_off
        hlt
callee: incq    count
        ret
        .data
count:  .quad   0
        .text
"""

# Waits for what is typed; so the port is busy while the debugger stops and resumes.
BUSY_SERIAL = """
        start_second second
next:   mov     $SERIAL + 5, %dx
        in      %dx, %al
        test    $1, %al
        jz      next
        mov     $SERIAL, %dx
        in      %dx, %al
        out     %al, %dx
        cmp     $'.', %al
        jne     next
        power_off
        hlt
second: mov     $SERIAL, %dx
1:      mov     $UNCLAIMED_MMIO, %ebx
        mov     (%rbx), %eax
        jmp     1b
"""

AWAIT_INPUT = """
1:      mov     $SERIAL + 5, %dx
        in      %dx, %al
        test    $1, %al
        jz      1b
"""


class DebugTest(vmm.TestCase):
    def boot(self, code, *args, wait=False, **kwargs):
        kernel = run_kernel.assemble(self.directory, code)
        self.symbols = run_kernel.symbols(kernel)
        process = self.start("-k", kernel, "--gdb", f"unix:{self.directory}/gdb",
                             *(("--wait-gdb",) if wait else ()), *args, **kwargs)
        process.wait_for("gdb can connect", stream="err")
        return process

    def connect(self, process):
        address = re.search(r"gdb can connect to (\S+)", process.err.decode())[1]
        client = RspClient(address)
        self.addCleanup(client.close)
        return client

    @staticmethod
    def leave(client, address):
        """Step over a hardware breakpoint and put it back, as gdb does."""
        for packet in (f"z1,{address:x},1", "vCont;s:1", f"Z1,{address:x},1"):
            client.command(packet)

    def counts(self, client):
        return [client.read_u64(self.symbols[name]) for name in ("count0", "count1")]

    def come_back(self, process, before):
        """Connect again; the guest has gone on meanwhile, or does when it is left alone for longer."""
        deadline = time.monotonic() + vmm.PATIENCE
        pause = 0.005
        while True:
            time.sleep(pause)
            client = self.connect(process)
            client.begin()
            if self.counts(client) != before:
                return client
            self.assertLess(time.monotonic(), deadline, "the guest stands still without a debugger")
            client.close()
            pause *= 2

    def boot_counters(self):
        """Two vCPUs that count, and a debugger that has stopped them."""
        process = self.boot(COUNTERS, "-c", 2, "--console", "none")
        client = self.connect(process)
        self.assertRegex(client.begin(), "^T")
        deadline = time.monotonic() + vmm.PATIENCE
        while not all(self.counts(client)):
            self.assertLess(time.monotonic(), deadline, "the vCPUs do not count")
            client.resume()
            time.sleep(0.01)
            client.interrupt()
        return process, client

    def test_stops_and_resumes(self):
        process, client = self.boot_counters()
        start = self.counts(client)
        for i in range(500):
            client.resume()
            if i % 3:
                time.sleep(random.random() * 0.002)
            self.assertRegex(client.interrupt(), "^T02")
            after = self.counts(client)
            self.assertEqual(self.counts(client), after, "a vCPU runs on while all are stopped")
            # Each counter is in the register, or was there just now: no vCPU lost an instruction.
            for thread, count in ((1, after[0]), (2, after[1])):
                client.command(f"Hg{thread}")
                register = int.from_bytes(bytes.fromhex(client.command("pc")), "little")
                self.assertIn(register - count, (0, 1))
        self.assertTrue(all(end > begin for begin, end in zip(start, after)), "a vCPU never runs")
        client.send("k")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())

    def test_steps_are_exact(self):
        process, client = self.boot_counters()
        loop = self.symbols["loop0"]
        client.command("Hg1")
        while client.read_rip() != loop:
            client.resume("s:1")
            client.receive()
        before = self.counts(client)
        rips = []
        for _ in range(999):
            client.resume("s:1")
            self.assertRegex(client.receive(), "^T05")
            rips.append(client.read_rip())
        self.assertEqual(rips, (rips[:2] + [loop]) * 333)
        after = self.counts(client)
        self.assertEqual(after, [before[0] + 333, before[1]], "vCPU 1 was not asked to run")
        self.end_by_signal(process)

    def test_steps_while_the_other_vcpu_runs(self):
        process, client = self.boot_counters()
        before = self.counts(client)
        client.command("Hg1")
        steps = 0
        deadline = time.monotonic() + vmm.PATIENCE
        while steps < 300 or self.counts(client)[1] == before[1]:
            self.assertLess(time.monotonic(), deadline, "the other vCPU does not run")
            client.resume("s:1;c")
            self.assertRegex(client.receive(), "^T05.*thread:0*1;")
            steps += 1
        self.assertIn(self.counts(client)[0] - before[0], (steps // 3, steps // 3 + 1))
        self.end_by_signal(process)

    def test_hardware_breakpoint_counts_exactly(self):
        process = self.boot(CALLER, wait=True)
        client = self.connect(process)
        client.begin()
        callee, count = self.symbols["callee"], self.symbols["count"]
        self.assertEqual(client.command(f"Z1,{callee:x},1"), "OK")
        for i in range(CALLS):
            client.resume()
            self.assertRegex(client.receive(), "^T05")
            self.assertEqual((client.read_rip(), client.read_u64(count)), (callee, i))
            self.leave(client, callee)
        client.resume()
        self.assertEqual(client.receive(), "W00")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assertEqual(process.text(), "done\n")

    @unittest.skipIf(pathlib.Path("/sys/module/kvm_pvm").exists(), "kvm_pvm ignores RFLAGS.RF")
    def test_resume_from_a_hardware_breakpoint_goes_on(self):
        """A client need not step over it: the stub sees to that."""
        process = self.boot(CALLER, wait=True)
        client = self.connect(process)
        client.begin()
        self.assertEqual(client.command(f"Z1,{self.symbols['callee']:x},1"), "OK")
        for i in range(CALLS):
            client.resume()
            self.assertRegex(client.receive(), "^T05")
            self.assertEqual(client.read_u64(self.symbols["count"]), i)
        client.resume()
        self.assertEqual(client.receive(), "W00")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())

    def test_breakpoint_that_comes_and_goes(self):
        """Set and removed at each stop: no hit is lost, none comes twice."""
        process = self.boot(CALLER, wait=True)
        client = self.connect(process)
        client.begin()
        callee, again = self.symbols["callee"], self.symbols["again"]
        for i in range(CALLS):
            self.assertEqual(client.command(f"Z1,{callee:x},1"), "OK")
            client.resume()
            client.receive()
            self.assertEqual(client.read_rip(), callee)
            self.assertEqual(client.command(f"z1,{callee:x},1"), "OK")
            if i == CALLS - 1:
                break
            self.assertEqual(client.command(f"Z1,{again:x},1"), "OK")
            client.resume()
            client.receive()
            self.assertEqual(client.read_rip(), again)
            self.assertEqual(client.command(f"z1,{again:x},1"), "OK")
        client.resume()
        self.assertEqual(client.receive(), "W00")
        self.assertEqual(process.finish(), vmm.STATUS_OK)

    def test_detach_and_come_back(self):
        process, client = self.boot_counters()
        for i in range(50):
            before = self.counts(client)
            if i % 2:
                self.assertEqual(client.command("D"), "OK")
            client.close()
            client = self.come_back(process, before)
        self.end_by_signal(process)

    def test_debugger_that_vanishes_at_bad_moments(self):
        """In the middle of a packet, of an answer, of a resume: the guest goes on, the next gdb is welcome."""
        process, client = self.boot_counters()
        bits = (b"$", b"$m1000000,40", b"$g#6", b"$vCont;c#a8", b"\x03", b"+", b"$vCont;s:1#b4\x03", b"$X1000000,4:ab",
                b"$" + b"A" * 100000, b"$m1000000,1000#" + b"00", RspClient.frame("g") * 500)
        for data in bits:
            with self.subTest(data=data[:20]):
                before = self.counts(client)
                client.socket.sendall(data)
                client.close()
                client = self.come_back(process, before)
        self.end_by_signal(process)

    def test_noise(self):
        """Any bytes at all: they are survived, and the next gdb is welcome."""
        process, client = self.boot_counters()
        generator = random.Random(1)
        for _ in range(30):
            client.socket.settimeout(1)
            try:
                client.socket.sendall(generator.randbytes(2000))
                client.socket.shutdown(socket.SHUT_WR)
                while client.socket.recv(65536):
                    pass
            except OSError:
                pass
            client.close()
            client = self.connect(process)
            client.begin()
        self.counts(client)
        self.end_by_signal(process)

    def test_second_debugger_is_turned_away(self):
        process, client = self.boot_counters()
        second = self.connect(process)
        with self.assertRaises((RspError, OSError)):
            second.begin()
        self.assertTrue(all(self.counts(client)))
        self.end_by_signal(process)

    def test_guest_with_busy_devices(self):
        process = self.boot(BUSY_SERIAL, "-c", 2, stdin="pipe")
        client = self.connect(process)
        client.begin()
        for i in range(100):
            client.resume()
            process.send("x")
            process.pump(0.001 * (i % 3))
            self.assertRegex(client.interrupt(), "^T02")
        client.resume()
        process.send(".")
        self.assertEqual(client.receive(), "W00")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assertEqual(process.text(), "x" * 100 + ".")

    def test_signals_while_it_is_debugged(self):
        for i in range(10):
            process, client = self.boot_counters()
            if i % 2:
                client.resume()
            self.end_by_signal(process)
            self.assertFalse((self.directory / "gdb").exists())
            client.close()

    def test_dead_guest_can_be_looked_at(self):
        process = self.boot("lidt no_idt\nbad: ud2\n.data\nno_idt: .quad 0, 0\n", wait=True)
        client = self.connect(process)
        client.begin()
        client.resume()
        self.assertRegex(client.receive(), "^T(06|0b)")
        client.command("Hg1")
        self.assertIn(client.read_rip(), (self.symbols["bad"], 0xfff0))
        client.resume()
        self.assertEqual(process.finish(), vmm.STATUS_TRIPLE_FAULT, process.describe())

    def test_panicked_guest_can_be_looked_at(self):
        process = self.boot("mov $0x1234, %ebx\n outb_to 0x505, 0x01\npanicked: nop\n power_off", "--pvpanic",
                            wait=True)
        client = self.connect(process)
        client.begin()
        client.resume()
        self.assertRegex(client.receive(), "^T(06|0b)")
        client.command("Hg1")
        self.assertEqual(client.read_rip(), self.symbols["panicked"])
        client.resume()
        self.assertEqual(process.finish(), vmm.STATUS_GUEST_PANIC, process.describe())

    def boot_that_ends(self, end):
        """vCPU 0 waits for input and then does `end`, while vCPU 1 counts; the debugger lets them run."""
        process = self.boot(f"""
            start_second second
            {AWAIT_INPUT}
            {end}
            hlt
    second: incq    count
            jmp     second
            .data
    count:  .quad   0
    no_idt: .quad   0, 0
            .text
            """, "-c", 2, stdin="pipe")
        client = self.connect(process)
        client.begin()
        client.resume()
        return process, client

    def test_guest_that_ends_while_another_vcpu_runs(self):
        for _ in range(20):
            process, client = self.boot_that_ends("power_off")
            process.send("x")
            self.assertEqual(client.receive(), "W00")
            self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
            client.close()

    def test_guest_that_dies_while_another_vcpu_runs(self):
        """All of it stands still then, and stays for the next debugger if this one vanishes."""
        for leave in ("D", "k", "vCont;c"):
            process, client = self.boot_that_ends("lidt no_idt\n ud2")
            process.send("x")
            self.assertRegex(client.receive(), "^T(06|0b).*thread:0*1;")
            count = client.read_u64(self.symbols["count"])
            client.close()
            client = self.connect(process)
            self.assertRegex(client.begin(), "^T(06|0b)")
            self.assertEqual(client.read_u64(self.symbols["count"]), count)
            client.send(leave)
            self.assertEqual(process.finish(), vmm.STATUS_TRIPLE_FAULT, process.describe())
            client.close()

    def test_guest_that_ends_just_when_it_is_stopped(self):
        """Power-off and interrupt meet: whichever is first, the machine ends, and only as it should."""
        for i in range(40):
            process, client = self.boot_that_ends("power_off")
            process.send("x")
            time.sleep(random.random() * 0.004)
            # The end may have closed the connection before the interrupt was sent, or read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                stop = client.interrupt()
                if stop != "W00":
                    self.assertRegex(stop, "^T02")
                    client.resume()
                    stop = client.receive()
                self.assertEqual(stop, "W00")
            self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
            client.close()

    def test_gdb_that_is_killed(self):
        process = self.boot(COUNTERS, "-c", 2, "--console", "none", wait=True)
        for i in range(3):
            gdb = subprocess.Popen(["gdb", "-nx", "-q", "-batch", self.directory / "kernel",
                                    "-ex", f"target remote {self.directory}/gdb",
                                    "-ex", "echo attached\\n", "-ex", ("continue", "shell sleep 1000")[i % 2]],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
            self.addCleanup(gdb.stdout.close)
            while gdb.stdout.readline() not in (b"attached\n", b""):
                pass
            os.killpg(gdb.pid, signal.SIGKILL)
            gdb.wait()
        client = self.come_back(process, [0, 0])
        before = self.counts(client)
        client.close()
        self.come_back(process, before).close()
        self.end_by_signal(process)

    def test_signal_before_the_first_instruction(self):
        self.end_by_signal(self.boot(COUNTERS, "-c", 4, wait=True))

    def test_reboot_under_a_debugger(self):
        """The breakpoint of a physical address is there again after each reset."""
        process = self.boot('print "boot\\n"\ntarget: nop\n outb_to PM_RESET, 0x42', "--reboot", wait=True)
        client = self.connect(process)
        client.begin()
        target = self.symbols["target"]
        self.assertEqual(client.command(f"Z1,{target:x},1"), "OK")
        for _ in range(10):
            client.resume()
            self.assertRegex(client.receive(), "^T05")
            self.assertEqual(client.read_rip(), target)
            self.leave(client, target)
        client.send("k")
        process.finish()
        self.assertEqual(process.text(), "boot\n" * 10)

    def test_reboot_that_fails_under_a_debugger(self):
        """The kernel is gone when it is needed again; the debugger hears of the end, breakpoints and all."""
        process = self.boot(f"{AWAIT_INPUT} outb_to PM_RESET, 0x42\n hlt\ntarget: nop", "--reboot", wait=True,
                            stdin="pipe")
        client = self.connect(process)
        client.begin()
        self.assertEqual(client.command(f"Z0,{self.symbols['target']:x},1"), "OK")
        client.resume()
        (self.directory / "kernel").unlink()
        process.send("x")
        self.assertEqual(client.receive(), "W01")
        self.assertEqual(process.finish(), vmm.STATUS_FAILURE, process.describe())
        self.assertRegex(process.errors()[-1], "cannot start the guest anew: .*No such file")

    def test_reboots_leak_nothing(self):
        """Descriptors, threads and mappings are as many after the last reset as after the first."""
        process = self.boot(f'print "boot\\n"\n{AWAIT_INPUT} outb_to PM_RESET, 0x42', "--reboot", "-c", 4,
                            wait=True, stdin="pipe")
        client = self.connect(process)
        client.begin()
        client.resume()
        used = set()
        at = 0
        for i in range(20):
            at = process.wait_for("boot\n", since=at)
            if i == 10:
                self.assertEqual(len(used), 1, used)
                client.close()
                used.clear()
                vmm.wait_until(lambda: self.resources(process) != before, "the connection's end")
            before = self.resources(process)
            used.add(before)
            process.send("x")
        self.assertEqual(len(used), 1, used)
        self.end_by_signal(process)

    @staticmethod
    def resources(process):
        """Open descriptors, threads, and KVM's mappings."""
        proc = pathlib.Path(f"/proc/{process.process.pid}")
        return (len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir())),
                (proc / "maps").read_text().count("kvm"))


if __name__ == "__main__":
    vmm.main()
