#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Memory balloons under Debian's kernels: what the guest gives up, the host has."""

import pathlib
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from control_client import ControlError  # noqa: E402
from control_guest import STATUS_REFUSED, Guest  # noqa: E402

MIB = 1 << 20
MEMORY = 256 * MIB
# So much may come and go for other reasons.
NOISE = 16 * MIB
STATISTICS = {"swap_in", "swap_out", "major_faults", "minor_faults", "free_memory", "total_memory", "available_memory",
              "disk_caches"}


class BalloonTest(linux_guest.LinuxTest):
    def boot(self, balloon, *args, **kwargs):
        return Guest(self, f"--balloon={balloon}" if balloon else "--balloon", *args, **kwargs)

    def wait_for_size(self, guest, size):
        vmm.wait_until(lambda: guest.call("balloon")["actual"] == size, f"{size} bytes are in the balloon")

    def fill(self, guest, mib):
        """Have the guest write to so much memory."""
        guest.run("mount -t tmpfs -o size=100% tmpfs /tmp")
        guest.run(f"dd if=/dev/zero of=/tmp/filler bs=1M count={mib} 2>/dev/null")
        self.assertEqual(guest.run("wc -c </tmp/filler").strip(), str(mib * MIB))

    def assert_inflates(self, *args, **kwargs):
        """Without deflate-on-oom, Linux counts the balloon as memory that is not there."""
        guest = self.boot("deflate-on-oom=off", *args, **kwargs)
        total, free = guest.meminfo("MemTotal"), guest.meminfo("MemFree")
        for size in (64 * MIB, 96 * MIB, 32 * MIB, 0):
            guest.ctl("balloon", f"{size >> 10}K")
            self.wait_for_size(guest, size)
            self.assertEqual(guest.meminfo("MemTotal"), total - size)
            self.assertLess(abs(guest.meminfo("MemFree") - (free - size)), NOISE)
        state = guest.ctl_json("balloon")
        self.assertEqual((state["target"], state["actual"], state["driver"], state["failures"]), (0, 0, True, 0))
        self.assertGreaterEqual(state["inflated"], 96 * MIB)
        guest.power_off()

    def test_pci(self):
        self.assert_inflates("-c", 2)

    def test_mmio(self):
        self.assert_inflates("--transport", "mmio")

    def test_6_12(self):
        self.assert_inflates("-c", 2, series="6.12")

    def test_size_at_the_start(self):
        guest = self.boot("size=48M")
        self.wait_for_size(guest, 48 * MIB)
        self.assertRegex(guest.ctl("balloon"), r"wanted in the balloon +48 MiB\nin the balloon +48 MiB\n")
        guest.power_off()

    def test_memory_comes_back_to_the_host(self):
        """Of a guest that writes to all its free pages, and so reports none: they are not what the host gives."""
        guest = self.boot("", flavour="generic", append="page_poison=1")
        full = guest.resident()
        self.assertGreater(full, MEMORY - 64 * MIB)
        guest.ctl("balloon", "128M")
        self.wait_for_size(guest, 128 * MIB)
        state = guest.call("balloon")
        self.assertEqual((state["inflated"], state["reported"]), (128 * MIB, 0))
        self.assertLess(guest.resident(), full - 128 * MIB + NOISE)
        # And is there again when the guest needs it.
        guest.ctl("balloon", "0")
        self.wait_for_size(guest, 0)
        self.fill(guest, 150)
        guest.power_off()

    def test_free_pages_are_reported(self):
        guest = self.boot("")
        # What the kernel used to boot.
        vmm.wait_until(lambda: guest.resident() < MEMORY // 2, "the guest has reported what is free from the start")
        empty, reported = guest.resident(), guest.call("balloon")["reported"]
        self.fill(guest, 96)
        self.assertGreater(guest.resident(), empty + 96 * MIB - NOISE)
        guest.run("rm /tmp/filler")
        vmm.wait_until(lambda: guest.resident() < empty + NOISE, "the host has the memory back")
        self.assertGreater(guest.call("balloon")["reported"], reported + 96 * MIB - NOISE)
        self.assertEqual(guest.call("balloon")["inflated"], 0)
        guest.power_off()

    def test_statistics(self):
        guest = self.boot("", "-c", 2)
        for _ in range(3):
            stats = guest.ctl_json("balloon", "stats")
            self.assertLessEqual(STATISTICS, stats.keys())
            self.assertEqual(stats["total_memory"], guest.meminfo("MemTotal"))
            self.assertLess(abs(stats["free_memory"] - guest.meminfo("MemFree")), NOISE)
            self.assertLess(abs(stats["available_memory"] - guest.meminfo("MemAvailable")), NOISE)
            self.assertGreater(stats["minor_faults"], 0)
        self.assertRegex(guest.ctl("balloon", "stats"), r"(?m)^free memory +[\d.]+ MiB$")
        # The guest's memory is what it says, not what it was.
        free = stats["free_memory"]
        self.fill(guest, 64)
        self.assertLess(guest.call("balloon-stats")["free_memory"], free - 64 * MIB + NOISE)
        # Several may ask at once.
        others = [guest.connect() for _ in range(4)]
        for client in others:
            client.send("balloon-stats")
        self.assertEqual({client.receive()["ok"] for client in others}, {True})
        guest.power_off()

    def test_statistics_of_a_guest_that_cannot_answer(self):
        guest = self.boot("", append="panic=0")
        guest.call("balloon-stats")
        guest.type("echo c >/proc/sysrq-trigger")
        guest.process.wait_for("end Kernel panic", guest.at)
        with self.assertRaisesRegex(ControlError, "does not answer") as caught:
            guest.call("balloon-stats")
        self.assertEqual(caught.exception.code, "timeout")
        guest.ctl("balloon", "stats", status=STATUS_REFUSED)
        guest.ctl("quit")
        self.assertEqual(guest.process.finish(), vmm.STATUS_OK)

    def test_guest_in_need(self):
        """It takes memory back from the balloon before it kills a process."""
        guest = self.boot("size=128M")
        self.wait_for_size(guest, 128 * MIB)
        self.fill(guest, 110)
        self.assertEqual(guest.call("balloon")["target"], 128 * MIB)
        self.assertLess(guest.call("balloon")["actual"], 128 * MIB)
        guest.ctl("quit")
        self.assertEqual(guest.process.finish(), vmm.STATUS_OK)

    @unittest.skipUnless(linux_guest.EVERYTHING, "only with GLASSBOX_TEST_ALL=1")
    def test_driver_that_leaves(self):
        """Its balloon goes with it; the next driver fills its own."""
        guest = self.boot("size=64M")
        self.wait_for_size(guest, 64 * MIB)
        guest.run("cd /sys/bus/virtio/drivers/virtio_balloon; echo virtio0 >unbind; cd /")
        state = guest.call("balloon")
        self.assertEqual((state["target"], state["actual"], state["driver"]), (64 * MIB, 0, False))
        guest.run("cd /sys/bus/virtio/drivers/virtio_balloon; echo virtio0 >bind; cd /")
        self.wait_for_size(guest, 64 * MIB)
        guest.power_off()


if __name__ == "__main__":
    vmm.main()
