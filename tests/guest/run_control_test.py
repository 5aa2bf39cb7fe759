#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The control socket of a running machine: pauses that last, beside a debugger's stops, and its end."""

import os
import pathlib
import signal
import stat
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
import run_kernel  # noqa: E402
import vmm_process as vmm  # noqa: E402
from control_client import ControlClient, ControlError  # noqa: E402
from rsp_client import RspClient  # noqa: E402

# A dot now and then, from each vCPU.
DOTS = """
        start_second dots
dots:   mov     $SERIAL, %dx
        mov     $'.', %al
        out     %al, %dx
        mov     $2000, %ecx
1:      dec     %ecx
        jnz     1b
        jmp     dots
"""

RESETS = """
        print   "up"
        outb_to PM_RESET, 0x42
        hlt
"""

TRIPLE_FAULT = """
        lidt    nothing
        ud2
        .data
nothing: .word 0
        .quad 0
        .text
"""

# What is there to see in this time if vCPUs run that should not.
A_WHILE = 0.3


class ControlTest(vmm.TestCase):
    def boot(self, code, *args, **kwargs):
        kernel = run_kernel.assemble(self.directory, code)
        self.path = self.directory / "control"
        process = self.start("-k", kernel, "--control", f"unix:{self.path}", *args, **kwargs)
        process.wait_for(f"control socket at unix:{self.path}\n", stream="err")
        return process

    def connect(self):
        client = ControlClient(self.path)
        self.addCleanup(client.close)
        return client

    def debugger(self):
        client = RspClient(f"unix:{self.directory}/gdb")
        self.addCleanup(client.close)
        client.begin()
        return client

    def assert_runs(self, process):
        while process.pump(0):
            pass
        process.wait_for(".", since=len(process.out))

    def assert_stands_still(self, process):
        while process.pump(0):
            pass
        before = len(process.out)
        process.pump(A_WHILE)
        self.assertEqual(len(process.out), before, process.describe())

    def assert_refused(self, code, pattern, client, command, **arguments):
        with self.assertRaisesRegex(ControlError, pattern) as caught:
            client.call(command, **arguments)
        self.assertEqual(caught.exception.code, code)

    def test_status(self):
        process = self.boot(DOTS, "-c", 2, "-m", "64M")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        status = self.connect().call("status")
        self.assertEqual((status["state"], status["paused"], status["vcpus"], status["memory"], status["pid"]),
                         ("running", False, 2, 64 << 20, process.process.pid))
        self.assertEqual((status["kernel"], status["boot"]), (str(self.directory / "kernel"), "ELF, 64-bit Linux entry"))
        self.assertIsNone(status["debugger"])
        self.assertIsNone(status["trace"])
        self.end_by_signal(process)
        self.assertFalse(self.path.exists())

    def test_pause_and_resume(self):
        process = self.boot(DOTS, "-c", 2)
        client, other = self.connect(), self.connect()
        for _ in range(5):
            self.assert_runs(process)
            self.assertEqual(client.call("pause"), {"state": "paused", "paused": True})
            self.assert_stands_still(process)
            # A second pause is the first one, whoever asks.
            self.assertEqual(other.call("pause"), {"state": "paused", "paused": True})
            self.assertEqual(other.call("status")["state"], "paused")
            self.assertEqual(client.call("resume"), {"state": "running", "paused": False})
            self.assertEqual(other.call("resume"), {"state": "running", "paused": False})
        self.assert_runs(process)
        self.end_by_signal(process)

    def test_pause_outlives_its_client(self):
        process = self.boot(DOTS)
        with ControlClient(self.path) as client:
            client.call("pause")
        self.assert_stands_still(process)
        self.connect().call("resume")
        self.assert_runs(process)
        self.end_by_signal(process)

    def test_pauses_in_a_row(self):
        """Faster than vCPUs park: each is answered, and the last word counts."""
        process = self.boot(DOTS, "-c", 2)
        clients = [self.connect() for _ in range(4)]
        for turn in range(50):
            for i, client in enumerate(clients):
                client.send("pause" if (turn + i) % 2 else "resume")
            for client in clients:
                self.assertTrue(client.receive()["ok"])
        clients[0].call("resume")
        self.assert_runs(process)
        for client in clients:
            client.send("pause")
            client.close()
        client = self.connect()
        client.call("pause")
        self.assert_stands_still(process)
        self.end_by_signal(process)

    def test_resume_overtakes_a_pause(self):
        """In one batch of the loop: the vCPUs have not parked when the resume comes."""
        process = self.boot(DOTS, "-c", 2)
        pausing, resuming = self.connect(), self.connect()
        for client in (pausing, resuming):
            client.call("status")
        for _ in range(10):
            self.assert_runs(process)
            process.signal(signal.SIGSTOP)
            pausing.send("pause")
            resuming.send("resume")
            process.signal(signal.SIGCONT)
            self.assertEqual(resuming.receive()["result"], {"state": "running", "paused": False})
            # Or it was paused for a moment before.
            self.assertIn(pausing.receive()["result"]["state"], ("running", "paused"))
        self.assert_runs(process)
        self.end_by_signal(process)

    def test_quit(self):
        process = self.boot(DOTS)
        client = self.connect()
        self.assertEqual(client.call("quit"), {})
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assertFalse(self.path.exists())
        with self.assertRaises(ConnectionError):
            client.call("status")

    def test_quit_while_paused(self):
        process = self.boot(DOTS, "-c", 2)
        client = self.connect()
        client.call("pause")
        client.call("quit")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())

    def test_requests_that_make_no_sense(self):
        process = self.boot(DOTS)
        client = self.connect()
        self.assert_refused("unknown-command", "no command 'frobnicate'", client, "frobnicate")
        for command in ("status", "pause", "resume", "power-button", "quit"):
            self.assert_refused("bad-argument", "^arguments: ", client, command, now=True)
        client.send_line(b"status")
        self.assertEqual(client.receive()["code"], "bad-request")
        for data in (b"\0" * 5000 + b"\n", b"[" * 4000 + b"\n", b"{}\n" * 100, os.urandom(20000), b"x" * 100000):
            with ControlClient(self.path) as hostile:
                hostile.socket.sendall(data)
        self.assert_runs(process)
        self.assertEqual(client.call("status")["state"], "running")
        self.end_by_signal(process)

    def test_info_devices(self):
        process = self.boot(DOTS, "--rng", "--balloon", "--rng=transport=mmio")
        devices = {device["name"]: device for device in self.connect().call("info-devices")["devices"]}
        self.assertEqual(devices["serial0"], {"name": "serial0", "bus": "pio", "address": "0x3f8", "size": 8})
        self.assertEqual((devices["pci-ecam"]["bus"], devices["pci-ecam"]["size"]), ("mmio", 1 << 20))
        for name, bus, address in (("virtio-rng0", "pci", "00:01.0"), ("virtio-balloon0", "pci", "00:02.0"),
                                   ("virtio-rng1", "mmio", "0xfe000000")):
            self.assertEqual(devices[name], {"name": name, "bus": bus, "address": address, "type": name[:-1],
                                             "status": []})
        self.end_by_signal(process)

    def test_info_virtio_without_a_driver(self):
        process = self.boot(DOTS, "--rng", "--rng=transport=mmio")
        client = self.connect()
        info = client.call("info-virtio", device="virtio-rng0")
        self.assertEqual((info["type"], info["device_id"], info["bus"], info["address"]),
                         ("virtio-rng", 4, "pci", "00:01.0"))
        self.assertEqual((info["status"], info["config_generation"]), ({"value": 0, "bits": []}, 0))
        features = {feature["name"]: feature for feature in info["features"]}
        self.assertEqual(features["VIRTIO_F_VERSION_1"],
                         {"name": "VIRTIO_F_VERSION_1", "bit": 32, "offered": True, "accepted": False})
        self.assertFalse(any(feature["accepted"] for feature in info["features"]))
        self.assertEqual(info["queues"], [{"queue": 0, "size": 64, "max_size": 64, "enabled": False, "broken": False,
                                           "descriptor_area": "0x0", "driver_area": "0x0", "device_area": "0x0"}])
        self.assertEqual(client.call("info-virtio", device="virtio-rng1")["bus"], "mmio")
        self.assert_refused("no-device", "no virtio device 'serial0'", client, "info-virtio", device="serial0")
        self.assert_refused("bad-argument", "^arguments: ", client, "info-virtio")
        self.assert_refused("bad-argument", "^arguments: ", client, "info-virtio", device=1)
        self.end_by_signal(process)

    def test_balloon_without_a_driver(self):
        process = self.boot(DOTS, "-m", "64M", "--balloon=size=4M")
        client = self.connect()
        state = {"target": 4 << 20, "actual": 0, "driver": False, "inflated": 0, "reported": 0, "failures": 0}
        self.assertEqual(client.call("balloon"), state)
        self.assertEqual(client.call("balloon", size=64 << 20), {**state, "target": 64 << 20})
        for size, pattern in ((-4096, "multiple of 4K"), (4097, "multiple of 4K"), ((64 << 20) + 4096, "more than the guest"),
                              (1 << 62, "more than the guest"), ("64M", "^arguments: "), (1.5, "^arguments: ")):
            self.assert_refused("bad-argument", pattern, client, "balloon", size=size)
        self.assertEqual(client.call("balloon", size=0), {**state, "target": 0})
        self.assert_refused("refused", "no balloon driver", client, "balloon-stats")
        client.call("pause")
        self.assert_refused("refused", "does not run", client, "balloon-stats")
        self.end_by_signal(process)

    def test_link_without_a_driver(self):
        process = self.boot(DOTS, "--rng", "--net", "user")
        client = self.connect()
        for state in ("down", "up", "up"):
            self.assertEqual(client.call("link", device="virtio-net0", state=state), {"state": state})
        for device in ("virtio-rng0", "virtio-net1", "serial0"):
            self.assert_refused("no-device", f"no network interface '{device}'", client, "link", device=device, state="up")
        self.assert_refused("bad-argument", "neither up nor down", client, "link", device="virtio-net0", state="out")
        self.assert_refused("bad-argument", "^arguments: ", client, "link", device="virtio-net0")
        self.end_by_signal(process)

    def test_machine_without_a_balloon(self):
        process = self.boot(DOTS)
        client = self.connect()
        for command in ("balloon", "balloon-stats"):
            self.assert_refused("no-device", "the machine has no balloon: run it with --balloon", client, command)
        self.end_by_signal(process)

    def test_pause_over_resets(self):
        """A guest that resets all the time stays paused, whichever machine the pause met."""
        process = self.boot(RESETS, "--reboot")
        client = self.connect()
        for _ in range(5):
            process.wait_for("up", since=len(process.out))
            self.assertEqual(client.call("pause"), {"state": "paused", "paused": True})
            self.assert_stands_still(process)
            client.call("resume")
        process.wait_for("up", since=len(process.out))
        self.end_by_signal(process)

    # Beside a debugger: each holds the machine for itself, and it runs when neither does.

    def boot_with_gdb(self, *args):
        return self.boot(DOTS, "-c", 2, "--gdb", f"unix:{self.directory}/gdb", *args)

    def test_machine_that_the_debugger_stopped(self):
        process = self.boot_with_gdb()
        client = self.connect()
        self.assertFalse(client.call("status")["debugger"]["attached"])
        gdb = self.debugger()
        status = client.call("status")
        self.assertEqual((status["state"], status["paused"]), ("stopped", False))
        self.assertEqual(status["debugger"], {"address": f"unix:{self.directory}/gdb", "attached": True})
        self.assert_refused("refused", "the debugger has stopped the machine", client, "resume")
        gdb.resume()
        self.assert_runs(process)
        self.assertEqual(client.call("resume"), {"state": "running", "paused": False})
        gdb.close()
        self.end_by_signal(process)

    def test_pause_before_the_first_instruction(self):
        process = self.boot_with_gdb("--wait-gdb")
        client = self.connect()
        self.assertEqual(client.call("status")["state"], "stopped")
        self.assertEqual(client.call("pause"), {"state": "stopped", "paused": True})
        gdb = self.debugger()
        gdb.resume()
        self.assert_stands_still(process)
        self.assertEqual(client.call("status")["state"], "paused")
        self.assertEqual(client.call("resume"), {"state": "running", "paused": False})
        self.assert_runs(process)
        self.end_by_signal(process)

    def test_debugger_in_a_pause(self):
        """It may come, look, step and leave; nothing runs before the resume."""
        process = self.boot_with_gdb()
        client = self.connect()
        self.assert_runs(process)
        client.call("pause")
        gdb = self.debugger()
        self.assertEqual(client.call("status")["state"], "stopped")
        rip = gdb.read_rip()
        gdb.resume()
        self.assertFalse(gdb.has_packet(A_WHILE))
        self.assertEqual(client.call("status")["state"], "paused")
        # Ctrl-C, where it was.
        self.assertRegex(gdb.interrupt(), "^T02")
        self.assertEqual(gdb.read_rip(), rip)
        # A step waits as well, and is one step then.
        gdb.resume("s:1")
        self.assertFalse(gdb.has_packet(A_WHILE))
        self.assertEqual(client.call("resume")["paused"], False)
        self.assertRegex(gdb.receive(), "^T05")
        self.assertNotEqual(gdb.read_rip(), rip)
        client.call("pause")
        self.assertEqual(gdb.command("D"), "OK")
        gdb.close()
        self.assert_stands_still(process)
        self.assertEqual(client.call("resume")["state"], "running")
        self.assert_runs(process)
        self.end_by_signal(process)

    def test_resume_of_a_machine_that_both_hold(self):
        process = self.boot_with_gdb()
        client = self.connect()
        client.call("pause")
        gdb = self.debugger()
        self.assertEqual(client.call("resume"), {"state": "stopped", "paused": False})
        self.assert_refused("refused", "the debugger has stopped the machine", client, "resume")
        self.assert_stands_still(process)
        gdb.close()
        self.assert_runs(process)
        self.assertEqual(client.call("status")["state"], "running")
        self.end_by_signal(process)

    def test_both_at_once(self):
        """Pauses and Ctrl-C cross each other: no stop is lost, nothing runs that is held."""
        process = self.boot_with_gdb()
        client = self.connect()
        gdb = self.debugger()
        for i in range(40):
            gdb.resume()
            time.sleep(i % 5 * 0.001)
            client.send("pause")
            self.assertRegex(gdb.interrupt(), "^T02")
            self.assertTrue(client.receive()["ok"])
            if i % 2:
                self.assertEqual(client.call("resume")["state"], "stopped")
                gdb.resume()
            else:
                gdb.resume()
                self.assertIn(client.call("resume")["state"], ("running", "stopped"))
            self.assertRegex(gdb.interrupt(), "^T02")
        gdb.close()
        self.assert_runs(process)
        self.end_by_signal(process)

    def test_dead_guest(self):
        process = self.boot(TRIPLE_FAULT, "--gdb", f"unix:{self.directory}/gdb", "--wait-gdb")
        client, gdb = self.connect(), self.debugger()
        gdb.resume()
        self.assertRegex(gdb.receive(), "^T0b")
        self.assertEqual(client.call("status")["state"], "dead")
        self.assert_refused("refused", "the guest is dead", client, "pause")
        self.assert_refused("refused", "the guest is dead", client, "resume")
        self.assert_refused("refused", "the guest is dead", client, "power-button")
        client.call("quit")
        self.assertEqual(process.finish(), vmm.STATUS_TRIPLE_FAULT, process.describe())


if __name__ == "__main__":
    vmm.main()
