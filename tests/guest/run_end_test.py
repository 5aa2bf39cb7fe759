#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How `glassbox run` ends, whatever way its guest takes: status, message, nothing left behind."""

import contextlib
import os
import pathlib
import signal
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
import run_kernel  # noqa: E402
import vmm_process as vmm  # noqa: E402

TRIPLE_FAULT = """
        lidt    no_idt(%rip)
        jmp     explode
        .type   explode, @function
explode:
        nop
        ud2
        .size   explode, . - explode
        .section .rodata
no_idt: .quad   0, 0
"""


class EndTest(vmm.TestCase):
    def boot(self, code, *args, **kwargs):
        return vmm.run("-k", run_kernel.assemble(self.directory, code), *args, **kwargs)

    def assert_ends(self, code, status, output="", *args):
        """The guest's end is not an error: stdout has what the guest wrote, stderr nothing."""
        ended = self.boot(code, *args)
        self.assertEqual((ended.status, ended.text(), ended.errors()), (status, output, []))

    def test_acpi_power_off(self):
        self.assert_ends('print "bye\\n"\n power_off', vmm.STATUS_OK, "bye\n")

    def test_power_off_needs_the_right_sleep_type(self):
        self.assert_ends(
            """
            mov     $PM1_CNT, %dx
            mov     $(1 << 13 | 1 << 10), %ax       # S1: there is no such state here
            out     %ax, %dx
            mov     $(5 << 10), %ax                 # S5, but without SLP_EN
            out     %ax, %dx
            print   "still here\\n"
            power_off
            """,
            vmm.STATUS_OK, "still here\n",
        )

    def test_reset_by_the_acpi_register(self):
        self.assert_ends("outb_to PM_RESET, 0x41\n print \"no\"\n outb_to PM_RESET, 0x42\n print \"yes\"",
                         vmm.STATUS_OK, "no")

    def test_reset_by_the_keyboard_controller(self):
        self.assert_ends('outb_to 0x64, 0xff\n print "no"\n outb_to 0x64, 0xfe\n print "yes"',
                         vmm.STATUS_OK, "no")

    def test_reset_by_the_output_port_of_the_keyboard_controller(self):
        self.assert_ends('outb_to 0x64, 0xd1\n outb_to 0x60, 0x02\n print "yes"', vmm.STATUS_OK)

    def test_output_of_a_quick_end_is_complete(self):
        text = "0123456789" * 9 + "\n"
        code = f"""
            mov     $200, %ebp
again:      print   "{text[:-1]}\\n"
            dec     %ebp
            jnz     again
            power_off
            """
        self.assert_ends(code, vmm.STATUS_OK, text * 200)

    def test_triple_fault(self):
        ended = self.boot(TRIPLE_FAULT)
        self.assertEqual(ended.status, vmm.STATUS_TRIPLE_FAULT)
        self.assertEqual(ended.text(), "")
        line = ended.errors()[0]
        # On AMD, KVM resets the vCPU before it tells, and where it happened is lost.
        self.assertRegex(
            line,
            r"^glassbox: guest stopped by a triple fault "
            r"(at RIP 0x10000[0-9a-f]+ \(explode\+0x1\)|\(registers already reset\).*), vCPU 0$",
        )

    def test_triple_fault_with_the_symbols_of_another_file(self):
        kernel = run_kernel.assemble(self.directory, TRIPLE_FAULT)
        symbols = run_kernel.assemble(self.directory, TRIPLE_FAULT.replace("explode", "renamed"), "symbols")
        ended = vmm.run("-k", kernel, "--symbols", symbols)
        self.assertEqual(ended.status, vmm.STATUS_TRIPLE_FAULT)
        self.assertRegex(ended.errors()[0], r"\(renamed\+0x1\), vCPU 0$|registers already reset")

    def test_jump_to_nothing(self):
        ended = self.boot("mov $UNCLAIMED_MMIO, %eax\n jmp *%rax")
        self.assertEqual(ended.status, vmm.STATUS_KVM_ERROR)
        self.assertRegex(
            ended.errors()[0],
            r"^glassbox: guest stopped by a KVM internal error \(.*\) at RIP 0xd0000000, vCPU 0$",
        )
        self.assertIn("KVM_EXIT_INTERNAL_ERROR", ended.err.decode())

    def test_panic_message_and_reset(self):
        ended = self.boot('print "[ 1.0] Kernel panic - not syncing: out of \\033[31mcoffee\\r\\n"\n'
                          "outb_to PM_RESET, 0x42")
        self.assertEqual(ended.status, vmm.STATUS_GUEST_PANIC)
        # No escape sequence of a guest's gets into our own messages.
        self.assertRegex(
            ended.errors()[0],
            r"^glassbox: guest kernel panicked: out of \[31mcoffee; it reset the machine at RIP 0x10",
        )
        self.assertEqual(len(ended.errors()), 1)

    def test_halt_for_ever_ends_by_signal(self):
        kernel = run_kernel.assemble(self.directory, 'print "halting"\n cli')
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(signal=number.name):
                process = self.start("-k", kernel)
                process.wait_for("halting")
                self.end_by_signal(process, number)
                self.assertEqual(process.errors(), [])

    def test_busy_loop_ends_by_signal(self):
        kernel = run_kernel.assemble(self.directory, 'print "looping"\n cli\nloop: jmp loop')
        process = self.start("-k", kernel)
        process.wait_for("looping")
        self.end_by_signal(process)

    def test_endless_output_ends_by_signal(self):
        kernel = run_kernel.assemble(self.directory, 'again: print "x"\n jmp again')
        process = self.start("-k", kernel)
        process.wait_for("x" * 1000)
        self.end_by_signal(process)

    def test_signals_at_any_moment(self):
        """Before it is ready for a signal it dies of it; from then on it ends in good order."""
        kernel = run_kernel.assemble(self.directory, 'print "halting"')
        socket = self.directory / "console"
        for i in range(30):
            process = self.start("-k", kernel, "-c", 2, "--console", f"unix:{socket}")
            vmm.wait_until(lambda p=process: p.is_blocked(signal.SIGTERM), "it blocks SIGTERM")
            process.pump(i * 0.002)
            self.end_by_signal(process)
            self.assertFalse(socket.exists(), "the socket file is left behind")
            self.assertLessEqual(len(process.errors()), 1, process.describe())

    def test_two_signals_at_once(self):
        kernel = run_kernel.assemble(self.directory, 'print "halting"')
        process = self.start("-k", kernel)
        process.wait_for("halting")
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGINT)
        self.assertIn(process.finish(), (128 + signal.SIGTERM, 128 + signal.SIGINT))

    def test_reader_of_the_output_goes_away(self):
        kernel = run_kernel.assemble(
            self.directory, "mov $20000, %ebp\nagain: print \"x\"\n dec %ebp\n jnz again\n power_off")
        process = self.start("-k", kernel)
        process.wait_for("x")
        process.process.stdout.close()
        process._sources = {process.process.stderr.fileno(): process.err}
        process.process.stdout = None
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())

    def test_output_to_a_full_disk(self):
        kernel = run_kernel.assemble(
            self.directory, "mov $5000, %ebp\nagain: print \"x\"\n dec %ebp\n jnz again\n power_off")
        ended = vmm.run("-k", kernel, "--console", "file:/dev/full")
        self.assertEqual(ended.status, vmm.STATUS_OK, ended.describe())

    def test_reset_starts_anew_with_reboot(self):
        kernel = run_kernel.assemble(self.directory, 'print "boot\\n"\n outb_to PM_RESET, 0x42')
        process = self.start("-k", kernel, "-c", 2, "--reboot")
        process_dir = pathlib.Path(f"/proc/{process.process.pid}")
        at = process.wait_for("boot\n")
        for _ in range(2):
            descriptors = max(len(os.listdir(process_dir / "fd")), 10)
            for _ in range(20):
                at = process.wait_for("boot\n", at)
        names = []
        for task in (process_dir / "task").iterdir():
            # Threads come and go meanwhile, with every reset.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                names.append((task / "comm").read_text())
        self.assertLessEqual(sum(name.startswith("vcpu") for name in names), 4, "threads are left")
        # The counts differ by what a machine that is being made has open.
        self.assertLessEqual(len(os.listdir(process_dir / "fd")), descriptors + 12, "descriptors are left")
        self.end_by_signal(process)
        self.assertEqual(process.errors(), [])

    def test_nobody_reads_the_output(self):
        """The pipe fills up, and what does not fit is dropped: the guest and its end do not wait."""
        kernel = run_kernel.assemble(
            self.directory, "mov $8000, %ebp\nagain: print \"0123456789\"\n dec %ebp\n jnz again\n power_off")
        process = self.start("-k", kernel)
        self.assertEqual(process.process.wait(vmm.PATIENCE), vmm.STATUS_OK)

    def test_closed_standard_streams(self):
        """What we open must not become our standard streams."""
        kernel = run_kernel.assemble(self.directory, 'print "halting"')
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                process = self.start("-k", kernel, "--gdb", f"unix:{self.directory}/gdb",
                                     prefix=("sh", "-c", f'exec "$@" {closed}', "sh"))
                vmm.wait_until(lambda p=process: (self.directory / "gdb").exists() or p.has_ended(), "a socket")
                self.assertFalse(process.has_ended(), process.describe())
                for fd in range(3):
                    target = os.readlink(f"/proc/{process.process.pid}/fd/{fd}")
                    self.assertRegex(target, r"^(/dev/null|pipe:.*)$", f"descriptor {fd}")
                self.end_by_signal(process)

    def test_terminal_that_goes_away(self):
        kernel = run_kernel.assemble(self.directory, 'print "halting"')
        process = self.start("-k", kernel, terminal=True)
        process.wait_for("halting")
        process.hang_up()
        before = self.cpu_seconds(process)
        process.pump(1)
        self.assertLess(self.cpu_seconds(process) - before, 0.3, "it spins")
        self.end_by_signal(process)

    @staticmethod
    def cpu_seconds(process):
        fields = pathlib.Path(f"/proc/{process.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_debug_exit(self):
        for value, status in ((0x00, 1), (0x10, 33), (0x11, 35), (0x7f, 255)):
            self.assert_ends(f'print "bye"\n outb_to 0xf4, {value}\n print "no"', status, "bye", "--debug-exit")

    def test_debug_exit_elsewhere(self):
        self.assert_ends("""
            mov     $0x10, %eax
            mov     $0x501, %dx
            out     %eax, %dx
            """, 33, "", "--debug-exit=0x501", "--reboot")

    def test_debug_exit_of_another_vcpu(self):
        code = """
            start_second second
            hlt
second:     outb_to 0xf4, 0x10
            hlt
            """
        self.assert_ends(code, 33, "", "--debug-exit", "-c", 2)

    def test_no_debug_exit_unless_asked_for(self):
        self.assert_ends('outb_to 0xf4, 0x10\n print "still here"\n power_off', vmm.STATUS_OK, "still here")

    def test_panic_port(self):
        ended = self.boot("""
            mov     $0x505, %dx
            in      %dx, %al
            add     $'0', %al
            mov     $SERIAL, %dx
            out     %al, %dx
            outb_to 0x505, 0x04                     # nothing that is known
            outb_to 0x505, 0x01
            print   "no"
            """, "--pvpanic", "--reboot")
        self.assertEqual((ended.status, ended.text()), (vmm.STATUS_GUEST_PANIC, "3"), ended.describe())
        self.assertEqual(len(ended.errors()), 1, ended.describe())
        self.assertRegex(ended.errors()[0], r"^glassbox: guest kernel panicked; it told pvpanic at RIP 0x10000")

    def test_panic_port_with_a_message(self):
        ended = self.boot('print "Kernel panic - not syncing: no milk\\n"\n outb_to 0x505, 0x01', "--pvpanic")
        self.assertEqual(ended.status, vmm.STATUS_GUEST_PANIC)
        self.assertRegex(ended.errors()[0], r"^glassbox: guest kernel panicked: no milk; it told pvpanic at RIP 0x10")

    def test_panic_with_a_crash_kernel(self):
        """It goes on, however often it says so, and how it ends counts."""
        ended = self.boot('outb_to 0x505, 0x02\n outb_to 0x505, 0x02\n print "dump"\n power_off', "--pvpanic")
        self.assertEqual((ended.status, ended.text()), (vmm.STATUS_OK, "dump"), ended.describe())
        self.assertEqual(ended.errors(), ["glassbox: guest kernel panicked; its crash kernel takes over"])

    def test_no_panic_port_unless_asked_for(self):
        self.assert_ends('outb_to 0x505, 0x01\n print "still here"\n power_off', vmm.STATUS_OK, "still here")

    def test_triple_fault_is_no_reset(self):
        ended = self.boot(TRIPLE_FAULT, "--reboot")
        self.assertEqual(ended.status, vmm.STATUS_TRIPLE_FAULT)


if __name__ == "__main__":
    vmm.main()
