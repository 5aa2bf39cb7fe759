#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The report about guests of which every exit is known."""

import pathlib
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import boot_trace as trace  # noqa: E402
import boot_pause  # noqa: E402
import run_kernel  # noqa: E402
import vmm_process as vmm  # noqa: E402

WRITES = 10000
PORT = 0x80
MMIO = 0xd0000000

# WRITES numbers to PORT, counting down; three accesses to MMIO where nobody is; five letters.
LOOP = f"""
        mov     ${WRITES}, %ecx
        mov     ${PORT}, %edx
1:      mov     %ecx, %eax
        out     %eax, %dx
        dec     %ecx
        jnz     1b
        mov     $UNCLAIMED_MMIO, %rbp
        mov     8(%rbp), %eax
        movw    $0x1234, 0x10(%rbp)
        movb    $0x56, 0x18(%rbp)
        mov     $PORT_LSR, %edx
        in      %dx, %al
        print   "hello"
        power_off
""".replace("PORT_LSR", "(SERIAL + 5)")

SPIN = """
        print   "spinning"
1:      out     %al, $0x80
        jmp     1b
"""

RESET_ONCE_TYPED = """
        print   "up"
1:      mov     $SERIAL + 5, %dx
        in      %dx, %al
        test    $1, %al
        jz      1b
        mov     $SERIAL, %dx
        in      %dx, %al
        cmp     $'q', %al
        je      quit
        outb_to PM_RESET, 0x42
        hlt
quit:   power_off
"""

LATENCY = {"count", "sum", "mean", "min", "p50", "p90", "p99", "p999", "max"}
ROW = {"exits", "share_exits", "share_time", "vmm_time", "guest_time", "other"}
KEYS = {
    "by_reason": {"reason", "name"},
    "by_address": {"space", "address", "access", "device", "register"},
    "by_vcpu": {"vcpu"},
    "by_function": {"function", "address"},
}


class TinyBootTest(trace.TraceTest):
    def setUp(self):
        super().setUp()
        self.out = self.directory / "trace"

    def record(self, code, *args):
        kernel = run_kernel.assemble(self.directory, code)
        ended = vmm.run("-k", kernel, "--trace", self.out, *args)
        self.assertEqual(ended.status, vmm.STATUS_OK, ended.describe())
        self.assertEqual(ended.errors(), [f"glassbox: trace written to '{self.out}', no event lost"])

    def test_every_exit_is_counted(self):
        self.record(LOOP)
        events = trace.read_events(self.out)
        analysis = trace.Analysis(events)
        machine = trace.report_machine(self.out)
        self.assert_report_is_right(machine, analysis)
        # KVM may make more than one exit of the text, and of the end.
        self.assertEqual({key: exits for key, exits in analysis.exits_by("address").items() if key[1] != 0x3f8},
                         {(1, PORT, 1): WRITES, (2, MMIO + 8, 0): 1, (2, MMIO + 0x10, 1): 1, (2, MMIO + 0x18, 1): 1,
                          (1, 0x3fd, 0): 1, (1, 0x604, 1): 1})
        port = trace.rows_by(machine, "address")[(1, PORT, 1)]
        self.assertEqual((port["device"], port["register"]), (None, None))
        # They are in ns: no way out of a guest is as fast as 100, and none takes a second.
        self.assertTrue(0 < port["vmm_time"]["p50"] < 10**9, port)
        self.assertTrue(100 < port["guest_time"]["p50"] < 10**9, port)
        status = trace.rows_by(machine, "address")[(1, 0x3fd, 0)]
        self.assertEqual((status["device"], status["register"]), ("serial0", "LSR"))

    def test_data_is_what_the_guest_wrote_and_read(self):
        self.record(LOOP)
        events = [event.fields for event in trace.read_events(self.out) if event.name in ("entry", "exit")]
        exits = [fields for fields in events if "reason" in fields]
        self.assertEqual([(fields["data"], fields["len"]) for fields in exits if fields["addr"] == PORT],
                         [(number, 4) for number in range(WRITES, 0, -1)])
        mmio = [fields for fields in exits if fields["space"] == 2]
        self.assertEqual([(fields["addr"] - MMIO, fields["len"], fields["is_write"], fields["data"]) for fields in mmio],
                         [(8, 4, 0, 0), (0x10, 2, 1, 0x1234), (0x18, 1, 1, 0x56)])
        self.assertEqual({fields["reason"] for fields in mmio}, {trace.KVM_EXIT_MMIO})
        # What a read returned is in the entry after it.
        after = {fields["seq"]: fields for fields in events if "reason" not in fields}
        self.assertEqual(after[mmio[0]["seq"] + 1], {"vcpu": 0, "seq": mmio[0]["seq"] + 1, "device": "none",
                                                     "data": 0xffffffff})
        (status,) = [fields for fields in exits if fields["addr"] == 0x3fd]
        self.assertEqual(after[status["seq"] + 1], {"vcpu": 0, "seq": status["seq"] + 1, "device": "serial0",
                                                    "data": 0x60})

    def test_json_is_as_documented(self):
        self.record(LOOP)
        machine = trace.report_machine(self.out)
        self.assertEqual(machine.keys(), {"machine", "guest", "stop", "duration", "quality", "counters", "symbols",
                                          "warnings", "all", *KEYS})
        self.assertEqual(machine["guest"], {"version": machine["guest"]["version"], "kernel": "ELF, 64-bit Linux entry",
                                            "vcpus": 1, "memory": 512 << 20, "text_slide": "0x0"})
        self.assertEqual(machine["stop"], {"status": 0, "cause": "power-off"})
        self.assertEqual(machine["counters"].keys(), {"vmm_exits", "trace_exits", "equal", "kvm_exits"})
        self.assertIsNone(machine["symbols"])
        self.assertEqual(machine["all"].keys(), ROW)
        for table, keys in KEYS.items():
            self.assertEqual(machine[table].keys(), {"rows", "omitted"})
            self.assertEqual(machine[table]["omitted"], 0)
            for row in machine[table]["rows"]:
                self.assertEqual(row.keys(), ROW | keys)
                self.assertEqual((row["vmm_time"].keys(), row["guest_time"].keys()), (LATENCY, LATENCY))
            for share in ("share_exits", "share_time"):
                self.assertAlmostEqual(sum(row[share] for row in machine[table]["rows"]),
                                       1 if table != "by_address" else 1 - self.share_without_address(machine, share))

    @staticmethod
    def share_without_address(machine, share):
        return sum(row[share] for row in machine["by_reason"]["rows"]
                   if row["reason"] not in (trace.KVM_EXIT_IO, trace.KVM_EXIT_MMIO))

    def test_functions_are_named(self):
        self.record(LOOP)
        machine = trace.report_machine(self.out, f"--vmlinux={self.directory / 'kernel'}")
        rows = [(row["function"], row["address"]) for row in machine["by_function"]["rows"]]
        self.assertIn(("_start", f"{run_kernel.LOAD_ADDRESS:#x}"), rows)

    def test_plugin_prints_the_same(self):
        if not trace.can_load_plugin():
            self.skipTest("the plugin is built with a sanitizer")
        self.record(LOOP)
        self.assertEqual(trace.report_of_plugin(self.out), trace.report(self.out))

    def test_a_second_vcpu_that_never_starts(self):
        self.record(LOOP, "-c", 2)
        machine = trace.report_machine(self.out)
        analysis = trace.Analysis(trace.read_events(self.out))
        self.assert_report_is_right(machine, analysis)
        self.assertEqual(set(analysis.exits_by("vcpu")), {0, 1})

    def check_pause(self, option, pause):
        """`pause` stops the machine for so many seconds, through a socket that `option` asks for."""
        kernel = run_kernel.assemble(self.directory, SPIN)
        socket = self.directory / "socket"
        process = self.start("-k", kernel, "-c", 2, "--trace", self.out, option, f"unix:{socket}")
        process.wait_for("spinning")
        pause(socket, 1.5)
        time.sleep(0.2)
        self.end_by_signal(process)
        machine = trace.report_machine(self.out)
        analysis = trace.Analysis(trace.read_events(self.out))
        self.assert_report_is_right(machine, analysis)
        self.assert_pause_is_cut_out(machine, analysis, 1.5)

    def test_pause_of_the_debugger_is_cut_out(self):
        self.check_pause("--gdb", boot_pause.pause)

    def test_pause_of_a_control_client_is_cut_out(self):
        self.check_pause("--control", boot_pause.pause_by_control)

    def test_a_guest_that_resets_is_two_machines(self):
        kernel = run_kernel.assemble(self.directory, RESET_ONCE_TYPED)
        process = self.start("-k", kernel, "--reboot", "--trace", self.out, stdin="pipe")
        behind = process.wait_for("up")
        process.send("r")
        process.wait_for("up", since=behind)
        process.send("q")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        machines = trace.report_document(self.out)["machines"]
        self.assertEqual([machine["stop"] for machine in machines],
                         [{"status": 0, "cause": "reset"}, {"status": 0, "cause": "power-off"}])
        for machine in machines:
            self.assertTrue(machine["counters"]["equal"], machine["counters"])
            self.assertEqual(machine["warnings"], [])
            self.assertEqual(machine["quality"]["unmatched"]["in_between"], 0)


if __name__ == "__main__":
    vmm.main()
