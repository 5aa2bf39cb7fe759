#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's kernels use a virtio device, over each transport, with each way to notify and to interrupt."""

import collections
import pathlib
import re
import shutil
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "trace")]
import boot_trace  # noqa: E402
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from linux_guest import kernel  # noqa: E402

MODULES = ("virtio_pci", "virtio_mmio", "virtio_rng")

UNBIND = 'echo "${bound##*/}" >"${bound%/*}/unbind"'

# Takes the device from its drivers once, the transport's as well, and gives it back.
RNG_INIT = f"""{linux_guest.MODULES_LOADED}
echo "{linux_guest.UP}"
echo "@@ before"
head -c 64 /dev/hwrng | sha256sum
bound=$(ls -d /sys/bus/pci/drivers/virtio-pci/0000:* /sys/bus/platform/drivers/virtio-mmio/LNRO0005:* 2>/dev/null)
{UNBIND}
echo "@@ unbound"
cat /sys/class/misc/hw_random/rng_available
echo "${{bound##*/}}" >"${{bound%/*}}/bind"
echo "@@ after"
head -c 64 /dev/hwrng | sha256sum
echo "@@ source"
cat /sys/class/misc/hw_random/rng_current
echo "@@ device"
readlink /sys/bus/virtio/devices/*
echo "@@ interrupts"
grep virtio /proc/interrupts
echo "@@ warnings"
dmesg -r | grep -aE '^<[0-4]>|BUG|WARNING|Oops|ACPI Error|Call Trace'
echo "@@ end"
poweroff -f
"""

# Before it is unbound: no memory for the device, as when a kernel ends for another one in its place (kexec).
NO_BUS_MASTER = r"""
printf '\003' | dd of="$bound/config" bs=1 seek=4 conv=notrunc 2>/dev/null
echo "@@ cut"
timeout -s KILL 3 head -c 4096 /dev/hwrng | wc -c
"""

SHA256 = re.compile(r"[0-9a-f]{64}\b")
ORDER = ("status", "features", "queue", "kick", "pop", "used", "irq", "reset")


class VirtioTest(linux_guest.LinuxTest):
    def use_rng(self, *args, series="6.1", append="", init=RNG_INIT):
        report = self.report(kernel(series=series), "--rng", *args, append=append, init=init,
                             modules=MODULES, module_dir=kernel("modules", series=series))
        before, after = (SHA256.match(report[part]) for part in ("before", "after"))
        self.assertTrue(before and after, report)
        self.assertNotEqual(before[0], after[0], "random numbers that repeat")
        self.assertNotIn("virtio", report["unbound"])
        self.assertRegex(report["source"], r"^virtio_rng\.\d+\n$")
        self.assert_no_complaints(report["warnings"])
        return report

    def assert_pci(self, report, interrupt):
        self.assertIn("/pci0000:00/0000:00:01.0/virtio", report["device"])
        self.assertRegex(report["interrupts"], interrupt)

    def assert_mmio(self, report):
        self.assertIn("/LNRO0005:00/virtio", report["device"])
        self.assertRegex(report["interrupts"], r"(?m)^ *5: .* IO-APIC +5-fasteoi +virtio")

    MSIX = r"(?m)^ *\d+: .*\bPCI-MSI.* virtio\d+-input$"

    def test_pci_6_1(self):
        self.assert_pci(self.use_rng("-c", 2), self.MSIX)

    def test_pci_6_12(self):
        self.assert_pci(self.use_rng(series="6.12"), self.MSIX)

    def test_pci_6_12_with_exits_for_doorbells(self):
        self.assert_pci(self.use_rng("-c", 2, "--trace-doorbells", series="6.12"), self.MSIX)

    def test_pci_without_bus_mastering(self):
        report = self.use_rng(init=RNG_INIT.replace(UNBIND, NO_BUS_MASTER + UNBIND))
        self.assertLess(int(report["cut"].split()[0]), 4096)

    def test_pci_without_msix(self):
        report = self.use_rng(append="pci=nomsi")
        # GSI 16 + slot.
        self.assert_pci(report, r"(?m)^ *\d+: .* IO-APIC +17-fasteoi +virtio")

    def test_mmio_6_1(self):
        self.assert_mmio(self.use_rng("--transport", "mmio"))

    def test_mmio_6_12(self):
        self.assert_mmio(self.use_rng("--transport", "mmio", "-c", 2, series="6.12"))

    def test_mmio_6_1_with_exits_for_doorbells(self):
        self.assert_mmio(self.use_rng("--transport", "mmio", "-c", 2, "--trace-doorbells"))


class TracedVirtioTest(linux_guest.LinuxTest):
    """What a trace shows of it."""

    def trace(self, *args):
        for program in ("babeltrace2", "lttng-sessiond"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        directory = self.directory / "trace"
        ended = vmm.run(*self.arguments(
            kernel(), "--rng", "--trace", directory, *args, init=RNG_INIT, modules=MODULES,
            module_dir=kernel("modules")))
        self.assertEqual(ended.status, vmm.STATUS_OK, ended.describe())
        self.assertRegex(ended.describe(), "no event lost")
        return directory, boot_trace.read_events(directory)

    def assert_story(self, events, via):
        """All that happened to the device is there, in the order in which it has to happen."""
        first, counts = {}, collections.Counter()
        for event in events:
            name = event.name.removeprefix("virtio_")
            if event.name.startswith("virtio_") and event.fields["device"] == "virtio-rng0":
                first.setdefault(name, len(first))
                counts[name] += 1
        # A reset comes first: the driver's.
        # A kick tells of buffers that the device may have found by then: it looked when the driver was ready.
        steps = [name for name in ORDER[:-1] if name != "kick"]
        self.assertEqual([name for name in first if name in steps], steps)
        self.assertGreater(first["kick"], first["queue"])
        self.assertEqual(counts["pop"], counts["used"])
        self.assertEqual(counts["features"], 2)
        self.assertEqual({event.fields["via"] for event in events if event.name == "virtio_kick"}, {via})
        self.assertEqual([event for event in events if event.name == "virtio_finding"], [])

    def notifications(self, directory, register):
        machine = boot_trace.report_machine(directory)
        return sum(row["exits"] for row in machine["by_address"]["rows"]
                   if (row["device"], row["register"]) == ("virtio-rng0", register))

    def test_doorbells(self):
        directory, events = self.trace()
        self.assert_story(events, "doorbell")
        self.assertEqual(self.notifications(directory, "notify[0]"), 0)

    def test_exits_for_doorbells(self):
        directory, events = self.trace("--trace-doorbells")
        self.assert_story(events, "exit")
        kicks = [event for event in events if event.name == "virtio_kick"]
        self.assertEqual(self.notifications(directory, "notify[0]"), len(kicks))

    def test_mmio(self):
        directory, events = self.trace("--trace-doorbells", "--transport", "mmio")
        self.assert_story(events, "exit")
        kicks = [event for event in events if event.name == "virtio_kick"]
        self.assertEqual(self.notifications(directory, "QueueNotify"), len(kicks))


if __name__ == "__main__":
    vmm.main()
