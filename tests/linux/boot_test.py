#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's kernels reach user space, find the machine that was asked for, and complain of nothing."""

import pathlib
import sys
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from linux_guest import kernel  # noqa: E402


class BootTest(linux_guest.LinuxTest):
    def assert_good(self, report, cpus=1):
        self.assertEqual(report["cpus"].strip(), str(cpus))
        self.assertEqual(report["packages"].split(), ["0"] * cpus)
        self.assertEqual(sorted(report["cores"].split(), key=int), [str(i) for i in range(cpus)])
        self.assertEqual(sorted(report["threads"].split(), key=int), [str(i) for i in range(cpus)])
        self.assertEqual(report["clocksource"].strip(), "kvm-clock")
        self.assert_no_complaints(report["warnings"])

    def boot(self, image, cpus=1, *args, **kwargs):
        before = int(time.time())
        report = self.report(image, "-c", cpus, *args, **kwargs)
        after = int(time.time())
        self.assert_good(report, cpus)
        for clock in ("date", "rtc"):
            now = int(report[clock])
            self.assertTrue(before - 2 <= now <= after + 2, f"{clock} is {now}, not {before}..{after}")
        return report

    def test_6_1_cloud(self):
        self.boot(kernel())

    def test_6_1_cloud_with_4_cpus(self):
        self.boot(kernel(), 4)

    def test_6_1_generic(self):
        self.boot(kernel(flavour="generic"))

    @unittest.skipUnless(linux_guest.EVERYTHING, "only with GLASSBOX_TEST_ALL=1")
    def test_6_1_generic_with_4_cpus(self):
        self.boot(kernel(flavour="generic"), 4)

    @unittest.skipUnless(linux_guest.EVERYTHING, "only with GLASSBOX_TEST_ALL=1")
    def test_6_12_cloud(self):
        self.boot(kernel(series="6.12"))

    def test_6_12_cloud_with_4_cpus(self):
        self.boot(kernel(series="6.12"), 4)

    def test_elf_vmlinux(self):
        self.boot(kernel("vmlinux"))

    def test_kaslr(self):
        """The guest's own decompressor runs, and may move the kernel."""
        self.boot(kernel(), 1, "--kaslr")

    def test_feature_taken_away(self):
        report = self.boot(kernel(), 1, "--cpu", "host,-aes,-avx2,-rdrand")
        flags = set(report["flags"].split())
        self.assertIn("sse2", flags)
        self.assertFalse(flags & {"aes", "avx2", "rdrand"})

    def test_little_memory(self):
        report = self.boot(kernel(), 1, "-m", "96M")
        self.assertLess(int(report["memory"].split()[0]), 96 << 10)

    def test_memory_above_the_hole(self):
        report = self.boot(kernel(), 1, "-m", "5G")
        kib = int(report["memory"].split()[0])
        self.assertTrue(4.7 * (1 << 20) < kib < 5 * (1 << 20), f"{kib} KiB")

    @unittest.skipUnless(linux_guest.EVERYTHING, "only with GLASSBOX_TEST_ALL=1")
    def test_ten_boots_in_a_row(self):
        image = kernel()
        for i in range(10):
            with self.subTest(boot=i):
                self.boot(image, 2)


if __name__ == "__main__":
    vmm.main()
