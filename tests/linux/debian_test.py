#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian from a disk uses every device at once: by each transport, with each kernel, on one processor and four.

Runs in a network namespace of its own where that is permitted, which TAP interfaces need.
"""

import hashlib
import pathlib
import shutil
import socket
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import debian_guest  # noqa: E402
import linux_guest  # noqa: E402
import net_host  # noqa: E402
import vmm_process as vmm  # noqa: E402
import vsock_host  # noqa: E402
from console_line import Line  # noqa: E402
from control_client import ControlClient  # noqa: E402
from debian_guest import Shell  # noqa: E402

TAP_HOST, TAP_GUEST, TAP_MAC = "192.168.76.1", "192.168.76.2", "02:00:00:00:00:77"
PEER = vmm.BUILD / "tests/vsock_peer"
TOTAL = "sed -n 's/^MemTotal: *//p' /proc/meminfo"


class EverythingTest(debian_guest.DebianTest):
    """Each boot logs in on the serial port and on hvc0, and tries each device."""

    def setUp(self):
        super().setUp()
        net_host.need_namespace()
        net_host.make_tap(self, "tap0", TAP_HOST)
        # Of this namespace, so that both networks come to it and nobody else does.
        self.host = net_host.Host(self, "0.0.0.0")
        self.share = self.directory / "shared"
        self.share.mkdir()
        shutil.copy(PEER, self.share)
        self.vsock, self.control, self.hvc = (self.directory / name for name in ("vsock", "control", "hvc"))
        listener = vsock_host.Listener(f"{self.vsock}_52", vsock_host.echo)
        self.addCleanup(listener.close)

    def devices(self, transport):
        return ("--transport", transport, "--rng", "--balloon=deflate-on-oom=off", "--net", "user",
                "--net", f"tap=tap0,mac={TAP_MAC}", "--vsock", f"cid=77,socket={self.vsock}",
                "--share", f"files={self.share}", "--virtio-console", f"unix:{self.hvc}",
                "--control", f"unix:{self.control}")

    def check_machine(self, shell, series, cpus, transport):
        release, processors, root, device = shell.ask(
            "uname -r; nproc; findmnt -no SOURCE,FSTYPE /; readlink /sys/block/vda").splitlines()
        self.assertIn(series + ".", release)
        self.assertEqual(processors, str(cpus))
        self.assertEqual(root.split(), ["/dev/vda", "ext4"])
        self.assertIn({"pci": "/pci0000:00/", "mmio": "/LNRO0005:"}[transport], device)
        self.assertEqual(shell.ask("head -c 16 /dev/hwrng | wc -c"), "16\n")

    def check_hvc0(self, process):
        """A login there, too."""
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.hvc))
        line = Line(process, client.detach())
        self.addCleanup(line.close)
        # Nobody has seen the prompt: there is another for an empty line.
        line.send(b"\n")
        self.assertEqual(Shell(line).ask("tty"), "/dev/hvc0\n")

    def check_networks(self, shell):
        fetch = f"busybox wget -q -O - http://%s:{self.host.web.server_port}/file | sha256sum | cut -d' ' -f1"
        self.assertIn("10.0.2.15/24", shell.ask(
            "for i in $(seq 300); do ip -4 addr | grep 10.0.2.15 && break; sleep 0.2; done"))
        self.assertEqual(shell.ask(fetch % "10.0.2.2"), self.host.digest + "\n")
        interface = shell.ask(f"ip -o link | grep {TAP_MAC} | cut -d: -f2").strip()
        self.assertEqual(shell.ask(f"ip addr add {TAP_GUEST}/24 dev {interface}"), "")
        self.assertEqual(shell.ask(fetch % TAP_HOST), self.host.digest + "\n")

    def check_share_and_vsock(self, shell):
        written = shell.ask("mount -t virtiofs files /mnt && cd /mnt && head -c 1000000 /dev/urandom >new && "
                            "sha256sum <new | cut -d' ' -f1; cd").strip()
        self.assertEqual(hashlib.sha256((self.share / "new").read_bytes()).hexdigest(), written)
        self.assertEqual(shell.ask("/mnt/vsock_peer check 52 300000 3"), "checked 3 of 3\n")

    def check_balloon(self, shell):
        total = int(shell.ask(TOTAL).split()[0])
        with ControlClient(self.control) as client:
            for mib in (64, 0):
                client.call("balloon", size=mib << 20)
                vmm.wait_until(lambda: client.call("balloon")["actual"] == mib << 20, f"{mib} MiB are in the balloon")
                self.assertEqual(int(shell.ask(TOTAL).split()[0]), total - (mib << 10))

    def use_everything(self, series, cpus, transport):
        process = self.boot(*self.devices(transport), series=series, cpus=cpus)
        shell = Shell(process)
        self.check_machine(shell, series, cpus, transport)
        self.check_hvc0(process)
        self.check_networks(shell)
        self.check_share_and_vsock(shell)
        self.check_balloon(shell)
        self.assertEqual(shell.ask("systemctl --failed --plain --no-legend"), "", "a service failed")
        self.power_off(process, shell, said=("console hvc0 at unix:", "control socket at unix:"))

    def test_pci_6_1_on_1_cpu(self):
        self.use_everything("6.1", 1, "pci")

    def test_pci_6_1_on_4_cpus(self):
        self.use_everything("6.1", 4, "pci")

    def test_pci_6_12_on_1_cpu(self):
        self.use_everything("6.12", 1, "pci")

    def test_pci_6_12_on_4_cpus(self):
        self.use_everything("6.12", 4, "pci")

    def test_mmio_6_1_on_1_cpu(self):
        self.use_everything("6.1", 1, "mmio")

    def test_mmio_6_1_on_4_cpus(self):
        self.use_everything("6.1", 4, "mmio")

    def test_mmio_6_12_on_1_cpu(self):
        self.use_everything("6.12", 1, "mmio")

    def test_mmio_6_12_on_4_cpus(self):
        self.use_everything("6.12", 4, "mmio")


class DiskTest(debian_guest.DebianTest):
    def test_hvc0_as_the_only_console(self):
        process = self.boot("--virtio-console", "stdio", console="hvc0")
        shell = Shell(process)
        self.assertEqual(shell.ask("tty; cat /sys/class/tty/console/active"), "/dev/hvc0\nhvc0\n")
        self.power_off(process, shell)

    def test_what_was_synced_survives_a_kill(self):
        process = self.boot()
        said = Shell(process).ask("echo kept >/var/synced && sync && echo done; echo lost >/var/not-synced")
        self.assertEqual(said, "done\n")
        process.process.kill()
        self.assertEqual(process.finish(), vmm.STATUS_SIGNALLED + 9)
        process = self.boot()
        shell = Shell(process)
        self.assertEqual(shell.ask("cat /var/synced"), "kept\n")
        self.power_off(process, shell)

    @unittest.skipUnless(linux_guest.EVERYTHING, "only with GLASSBOX_TEST_ALL=1")
    def test_a_hundred_boots_in_a_row(self):
        for n in range(100):
            process = self.boot("--transport", ("pci", "mmio")[n % 2], series=("6.1", "6.12")[n // 2 % 2],
                                cpus=(1, 4)[n // 4 % 2])
            self.power_off(process, Shell(process))
            # Where these run, minutes pass before the last.
            print(f"boot {n + 1}: well", file=sys.stderr, flush=True)


if __name__ == "__main__":
    net_host.enter_namespace()
    vmm.main()
