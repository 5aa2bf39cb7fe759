#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs in Debian's kernels and programs on the host talk over --vsock, over each transport."""

import collections
import hashlib
import os
import pathlib
import random
import shutil
import socket
import sys
import threading
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "trace")]
import boot_trace  # noqa: E402
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
import vsock_host  # noqa: E402
from linux_guest import kernel  # noqa: E402

MODULES = ("virtio_pci", "virtio_mmio", "vmw_vsock_virtio_transport")
PEER = vmm.BUILD / "tests/vsock_peer"
CID = 1234

MEGABYTES = 4
MANY = 60

# tests/linux/vsock_peer.c says what its commands do.
VSOCK_INIT = f"""{linux_guest.MODULES_LOADED}
echo "{linux_guest.UP}"
echo "@@ cid"
vsock_peer cid
echo "@@ refused"
vsock_peer refused 9
echo "@@ check"
vsock_peer check 52 {MEGABYTES << 20} 1
vsock_peer check 52 30000 {MANY}
echo "@@ echo"
vsock_peer echo 1234 {MANY + 1}
echo "@@ hold"
vsock_peer hold 53 >/held &
while ! grep -q connected /held; do sleep 0.1; done
driver=/sys/bus/virtio/drivers/vmw_vsock_virtio_transport
device=$(ls -d "$driver"/virtio*)
echo "${{device##*/}}" >"$driver/unbind"
wait
cat /held
echo "@@ again"
echo "${{device##*/}}" >"$driver/bind"
vsock_peer check 52 30000 2
echo "@@ interrupts"
grep virtio /proc/interrupts
echo "@@ warnings"
dmesg -r | grep -aE '^<[0-4]>|BUG|WARNING|Oops|ACPI Error|Call Trace'
echo "@@ end"
poweroff -f
"""

# The host says how this boot is to end.
REBOOT_INIT = f"""{linux_guest.MODULES_LOADED}
echo "{linux_guest.UP}"
vsock_peer check 52 30000 4
action=$(vsock_peer hold 54 | sed -n 2p)
$action -f
"""

TRACED_INIT = f"""{linux_guest.MODULES_LOADED}
echo "{linux_guest.UP}"
vsock_peer check 52 500000 3
poweroff -f
"""


def wait_for_end(connection):
    connection.recv(1)


def read_line(connection):
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            break
        line += byte
    return line


def exchange(path, port, data, results):
    """Connect to the guest, send all of `data`, and append what became of it to `results`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(vmm.PATIENCE)
        connection.connect(str(path))
        connection.sendall(b"CONNECT %d\n" % port)
        answer = read_line(connection)

        def send():
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        digest = hashlib.sha256()
        while received := connection.recv(65536):
            digest.update(received)
        sender.join()
        same = digest.digest() == hashlib.sha256(data).digest()
        results.append((answer.startswith(b"OK "), same))


class VsockTest(linux_guest.LinuxTest):
    def setUp(self):
        super().setUp()
        self.path = self.directory / "v.sock"

    def listen(self, port, serve):
        listener = vsock_host.Listener(f"{self.path}_{port}", serve)
        self.addCleanup(listener.close)
        return listener

    def connect_to_guest(self):
        """One connection with much data, and then many at once."""
        results = []
        exchange(self.path, 1234, random.Random(1).randbytes(MEGABYTES << 20), results)
        threads = [threading.Thread(target=exchange, args=(self.path, 1234, os.urandom(30000), results))
                   for _ in range(MANY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [(True, True)] * (MANY + 1))

    def refused_by_guest(self, port):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(vmm.PATIENCE)
            connection.connect(str(self.path))
            connection.sendall(b"CONNECT %d\n" % port)
            self.assertEqual(connection.recv(1), b"")

    def talk(self, *args, series="6.1"):
        self.listen(52, vsock_host.echo)
        held = self.listen(53, wait_for_end)
        guest = self.start(*self.arguments(
            kernel(series=series), "--vsock", f"cid={CID},socket={self.path}", *args, init=VSOCK_INIT,
            modules=MODULES, module_dir=kernel("modules", series=series), files={PEER: "bin/vsock_peer"}))
        guest.wait_for("listening")
        self.refused_by_guest(77)
        self.connect_to_guest()
        report = self.finished_report(guest)
        self.assertEqual(report["cid"], f"{CID}\n")
        self.assertEqual(report["refused"], "Connection reset by peer\n")
        self.assertEqual(report["check"], f"checked 1 of 1\nchecked {MANY} of {MANY}\n")
        self.assertEqual(report["echo"], f"listening\nechoed {MANY + 1} of {MANY + 1}\n")
        self.assertRegex(report["hold"], "connected\nended: ")
        self.assertEqual(report["again"], "checked 2 of 2\n")
        self.assert_no_complaints(report["warnings"])
        vmm.wait_until(lambda: held.ended == 1, "the connection of a driver that left has ended")
        self.assertFalse(self.path.exists(), "the socket is left behind")
        return report

    def test_pci_6_1(self):
        self.talk("-c", 2)

    def test_pci_6_12(self):
        self.talk("-c", 2, series="6.12")

    def test_mmio_6_1(self):
        self.talk("--transport", "mmio")

    def test_mmio_6_12_with_exits_for_doorbells(self):
        self.talk("--transport", "mmio", "--trace-doorbells", series="6.12")

    def test_reboot(self):
        """A second machine has the socket of the first."""
        actions = [b"reboot\n", b"poweroff\n"]

        def tell(connection):
            self.refused_by_guest(77)
            connection.sendall(actions.pop(0))

        self.listen(52, vsock_host.echo)
        self.listen(54, tell)
        guest = self.start(*self.arguments(
            kernel(), "--reboot", "--vsock", f"cid={CID},socket={self.path}", init=REBOOT_INIT, modules=MODULES,
            module_dir=kernel("modules"), files={PEER: "bin/vsock_peer"}))
        self.assertEqual((guest.finish(), guest.errors()), (vmm.STATUS_OK, []), guest.describe())
        self.assertEqual(guest.text().count("checked 4 of 4\n"), 2, guest.describe())
        self.assertEqual(actions, [])
        self.assertFalse(self.path.exists(), "the socket is left behind")

    def assert_driver_keeps_the_rules(self, series):
        for program in ("babeltrace2", "lttng-sessiond"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        self.listen(52, vsock_host.echo)
        trace = self.directory / "trace"
        ended = vmm.run(*self.arguments(
            kernel(series=series), "--trace", trace, "--vsock", f"cid={CID},socket={self.path}", init=TRACED_INIT,
            modules=MODULES, module_dir=kernel("modules", series=series), files={PEER: "bin/vsock_peer"}))
        self.assertEqual(ended.status, vmm.STATUS_OK, ended.describe())
        self.assertIn("checked 3 of 3\n", ended.text(), ended.describe())
        events = boot_trace.read_events(trace)
        self.assertEqual([event for event in events if event.name == "virtio_finding"], [])
        counts, sums = collections.Counter(), collections.Counter()
        for packet in (event.fields for event in events if event.name == "vsock_packet"):
            counts[int(packet["queue"]), packet["operation"]] += 1
            sums[int(packet["queue"])] += int(packet["len"])
        self.assertEqual((counts[1, "REQUEST"], counts[0, "RESPONSE"]), (3, 3))
        self.assertEqual(sums, {0: 3 * 500000, 1: 3 * 500000})
        self.assertEqual((counts[0, "none"], counts[1, "none"]), (0, 0))

    def test_driver_of_6_1_keeps_the_rules(self):
        self.assert_driver_keeps_the_rules("6.1")

    def test_driver_of_6_12_keeps_the_rules(self):
        self.assert_driver_keeps_the_rules("6.12")


if __name__ == "__main__":
    vmm.main()
