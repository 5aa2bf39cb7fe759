#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's kernels use network interfaces: files go both ways, over a TAP interface and the user network.

Runs in a network namespace of its own where that is permitted, which TAP interfaces need.
"""

import hashlib
import pathlib
import re
import shutil
import socket
import sys
import unittest
import urllib.request

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "trace")]
import boot_trace  # noqa: E402
import linux_guest  # noqa: E402
import net_host  # noqa: E402
import vmm_process as vmm  # noqa: E402
from linux_guest import kernel  # noqa: E402

MODULES = ("virtio_pci", "virtio_mmio", "virtio_net")
HOST, GUEST = "192.168.76.1", "192.168.76.2"

# Feature bits of Linux's <linux/virtio_net.h>, and of the rings.
CSUM, GUEST_TSO4, HOST_TSO4, MRG_RXBUF, CTRL_VQ, MQ, EVENT_IDX = 0, 7, 11, 15, 17, 22, 29

# Gets an address, or has one given; gets a file, gives it back; serves it, and is done when told so.
NET_INIT = linux_guest.MODULES_LOADED + """
for word in $(cat /proc/cmdline); do
    case $word in net.*) export "$(echo "${word#net.}" | tr - _)" ;; esac
done
echo "@UP@"
ip link set lo up
ip link set eth0 up
if [ "$address" ]; then
    ip addr add "$address" dev eth0
else
    udhcpc -i eth0 -n -q -t 20 >/tmp/dhcp 2>&1 || cat /tmp/dhcp
fi
echo "@@ address"
ip addr show dev eth0
echo "@@ resolver"
cat /etc/resolv.conf 2>/dev/null
echo "@@ features"
cat /sys/class/net/eth0/device/features
echo "@@ queues"
ls /sys/class/net/eth0/queues
echo "@@ interface"
for what in mtu speed duplex carrier; do echo "$what $(cat /sys/class/net/eth0/$what)"; done
echo "@@ device"
readlink -f /sys/class/net/eth0/device
mkdir /www
wget -q -O /www/file "http://$host:$port/file"
echo "@@ got"
sha256sum </www/file
nc "$host" "$upload" </www/file
if [ -z "$address" ]; then
    # The router has advertised its prefix, and the address was seen to be nobody else's.
    tries=0
    until ip addr show dev eth0 | grep fec0 | grep -qv tentative || [ "$tries" -ge 100 ]; do
        sleep 0.2
        tries=$((tries + 1))
    done
    echo "@@ ipv6"
    ping6 -c 1 fec0::2
fi
echo "@@ serving"
httpd -p 80 -h /www
nc -l -p 2000
echo "@@ interrupts"
grep virtio /proc/interrupts
echo "@@ errors"
for what in rx_errors rx_dropped tx_errors tx_dropped; do
    echo "$what $(cat /sys/class/net/eth0/statistics/$what)"
done
echo "@@ warnings"
dmesg -r | grep -aE '^<[0-4]>|BUG|WARNING|Oops|ACPI Error|Call Trace'
echo "@@ end"
poweroff -f
""".replace("@UP@", linux_guest.UP)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NetTest(linux_guest.LinuxTest):
    def exchange(self, host, guest_port, stop_port, *args, words="", series="6.1", append="", guest="127.0.0.1"):
        """A boot in which all of it happens; return the sections of what the guest says."""
        process = self.start(*self.arguments(
            kernel(series=series), *args, append=f"{words} {append}", init=NET_INIT, modules=MODULES,
            module_dir=kernel("modules", series=series)))
        process.wait_for("@@ serving")
        vmm.wait_until(lambda: host.taken or process.has_ended(), "the guest has sent the file")
        self.assertEqual(host.taken, host.digest, process.describe())
        self.fetch(process, f"http://{guest}:{guest_port}/file", host.digest)
        self.stop(guest, stop_port, process)
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.last_errors = process.errors()
        parts = re.split(r"^@@ (\w+)\n", process.text(), flags=re.MULTILINE)
        report = dict(zip(parts[1::2], parts[2::2]))
        self.assertIn("end", report, process.describe())
        self.assertIn(host.digest, report["got"], process.describe())
        self.assert_no_complaints(report["warnings"])
        for line in report["errors"].splitlines():
            # The kernel counts a group's frames that nobody wants as dropped.
            self.assertTrue(line.endswith(" 0") or line.startswith("rx_dropped"), report["errors"])
        return report

    def fetch(self, process, url, digest):
        """The guest's server may take a moment."""
        def attempt():
            process.pump(0.1)
            try:
                with urllib.request.urlopen(url, timeout=60) as answer:
                    self.fetched = hashlib.sha256(answer.read()).hexdigest()
            except OSError:
                return process.has_ended()
            return True

        self.fetched = None
        vmm.wait_until(attempt, f"{url} can be fetched")
        self.assertEqual(self.fetched, digest, process.describe())

    def stop(self, guest, port, process):
        def attempt():
            process.pump(0.1)
            try:
                with socket.create_connection((guest, port), timeout=60) as connection:
                    connection.sendall(b"stop\n")
                    return True
            except OSError:
                return process.has_ended()

        vmm.wait_until(attempt, "the guest can be told to stop")

    def has_feature(self, report, bit):
        return report["features"][bit] == "1"

    def assert_interrupts(self, report, transport):
        if transport == "pci":
            self.assertIn("/pci0000:00/0000:00:01.0/virtio", report["device"])
            self.assertRegex(report["interrupts"], r"(?m)\bPCI-MSI.* virtio\d+-input\.0$")
        else:
            self.assertIn("/LNRO0005:00/virtio", report["device"])
            self.assertRegex(report["interrupts"], r"(?m) IO-APIC +5-fasteoi +virtio")


class UserTest(NetTest):
    def use(self, *args, options="", **kwargs):
        host = net_host.Host(self, "127.0.0.1")
        web, stop = free_port(), free_port()
        net = f"user,hostfwd=tcp::{web}-:80,hostfwd=tcp:127.0.0.1:{stop}-10.0.2.15:2000{options}"
        report = self.exchange(host, web, stop, "--net", net, *args, words=host.words("10.0.2.2"), **kwargs)
        self.assertIn("inet 10.0.2.15/24", report["address"])
        self.assertIn("nameserver 10.0.2.3", report["resolver"])
        self.assertIn("1 packets received", report["ipv6"])
        self.assertFalse(self.has_feature(report, HOST_TSO4) or self.has_feature(report, CSUM))
        self.assertTrue(self.has_feature(report, MRG_RXBUF) and self.has_feature(report, CTRL_VQ))
        return report

    def test_pci(self):
        report = self.use("-c", 2)
        self.assert_interrupts(report, "pci")
        self.assertIn("link/ether 02:47:42:00:00:00", report["address"])
        self.assertEqual(report["interface"].split(),
                         "mtu 1500 speed 10000 duplex full carrier 1".split())

    def test_mmio(self):
        self.assert_interrupts(self.use("--transport", "mmio", series="6.12"), "mmio")

    def test_mac_and_mtu(self):
        report = self.use("--rng", options=",mac=02:00:00:00:12:34,mtu=9000", append="pci=nomsi")
        self.assertIn("link/ether 02:00:00:00:12:34", report["address"])
        self.assertIn("mtu 9000", report["interface"])
        self.assertRegex(report["interrupts"], r"(?m) IO-APIC +17-fasteoi +virtio")

    def test_link_down(self):
        report = self.report(kernel(), "--net", "user,link=down", init=LINK_INIT, modules=MODULES,
                             module_dir=kernel("modules"))
        self.assertEqual(report["carrier"].strip(), "0")


class TapTest(NetTest):
    def setUp(self):
        super().setUp()
        net_host.need_namespace()

    def use(self, *args, options="", queues=(), **kwargs):
        net_host.make_tap(self, "tap0", HOST, *queues)
        host = net_host.Host(self, HOST)
        words = f"{host.words(HOST)} net.address={GUEST}/24"
        report = self.exchange(host, 80, 2000, "--net", f"tap=tap0{options}", *args, words=words, guest=GUEST, **kwargs)
        for bit in (CSUM, GUEST_TSO4, HOST_TSO4, MRG_RXBUF, CTRL_VQ, EVENT_IDX):
            self.assertTrue(self.has_feature(report, bit), bit)
        return report

    def test_pci(self):
        report = self.use("-c", 2)
        self.assert_interrupts(report, "pci")
        self.assertFalse(self.has_feature(report, MQ))

    def test_mmio(self):
        self.assert_interrupts(self.use("--transport", "mmio"), "mmio")

    def test_queues(self):
        report = self.use("-c", 2, options=",queues=2", queues=("multi_queue",), series="6.12")
        self.assertTrue(self.has_feature(report, MQ))
        self.assertEqual(report["queues"].split(), ["rx-0", "rx-1", "tx-0", "tx-1"])
        self.assertRegex(report["interrupts"], r"(?m)\bPCI-MSI.* virtio\d+-output\.1$")

    def test_exits_for_doorbells(self):
        self.use("-c", 2, "--trace-doorbells")

    def test_interface_that_goes(self):
        net_host.make_tap(self, "tap0", HOST)
        process = self.start(*self.arguments(
            kernel(), "--net", "tap=tap0", init=LINK_INIT, append="glassbox.wait", modules=MODULES,
            module_dir=kernel("modules")))
        process.wait_for("@@ waiting")
        net_host.ip("link", "delete", "tap0")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assertIn("@@ carrier\n0\n", process.text())
        self.assertEqual(process.errors(),
                         ["glassbox: warning: network interface 'tap0' is gone, and the guest's link down with it"])

    def test_trace_has_no_finding(self):
        """Linux's driver keeps to the rules; and what a trace shows of frames."""
        for program in ("babeltrace2", "lttng-sessiond"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        directory = self.directory / "trace"
        self.use("--trace", directory)
        events = [event for event in boot_trace.read_events(directory)
                  if event.fields.get("device") == "virtio-net0"]
        self.assertEqual([event for event in events if event.name == "virtio_finding"], [])
        begun = [event for event in events if event.name == "virtio_backend_begin"]
        ended = [event for event in events if event.name == "virtio_backend_end"]
        self.assertEqual([(event.fields["queue"], event.fields["seq"]) for event in begun],
                         [(event.fields["queue"], event.fields["seq"]) for event in ended])
        self.assertEqual({event.fields["error"] for event in ended}, {0})
        for queue, operation in ((0, "receive"), (1, "send")):
            done = [event for event in begun if event.fields["queue"] == queue]
            self.assertEqual({event.fields["operation"] for event in done}, {operation})
            self.assertGreater(sum(event.fields["len"] for event in done), net_host.FILE_SIZE)
        # With segments of 64 KiB, there are far fewer frames than packets of 1500 bytes.
        self.assertLess(len(begun), 2 * net_host.FILE_SIZE / 1500)


# Waits for the link to go, if it is told so.
LINK_INIT = linux_guest.MODULES_LOADED + """
ip link set eth0 up
if grep -q glassbox.wait /proc/cmdline; then
    echo "@@ waiting"
    while [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do sleep 0.2; done
fi
echo "@@ carrier"
cat /sys/class/net/eth0/carrier
echo "@@ end"
poweroff -f
"""


if __name__ == "__main__":
    net_host.enter_namespace()
    vmm.main()
