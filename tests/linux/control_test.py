#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest with Debian's kernel is controlled: its devices are shown as they are, and pauses do it no harm."""

import pathlib
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from control_guest import Guest  # noqa: E402

MIB = 1 << 20

# Seconds; twice as long as the watchdog waits.
PAUSE = 4


class ControlTest(linux_guest.LinuxTest):
    def boot(self, *args, **kwargs):
        image = self.directory / "disk.img"
        with image.open("wb") as file:
            file.truncate(16 * MIB)
        return Guest(self, "--disk", image, "--rng", *args, **kwargs)

    def assert_ready(self, info):
        """A driver of Linux is at work with it."""
        self.assertEqual(info["status"], {"value": 15, "bits": ["ACKNOWLEDGE", "DRIVER", "DRIVER_OK", "FEATURES_OK"]})
        features = {feature["name"]: feature["accepted"] for feature in info["features"]}
        self.assertTrue(features["VIRTIO_F_VERSION_1"] and features["VIRTIO_F_EVENT_IDX"], features)
        self.assertNotIn(None, features)
        for queue in info["queues"]:
            self.assertTrue(queue["enabled"] and not queue["broken"], queue)
            self.assertNotIn("0x0", (queue["descriptor_area"], queue["driver_area"], queue["device_area"]))
            self.assertEqual(queue["kicks"]["when"], "at")
            # The driver chooses from time to time.
            self.assertIn(queue["interrupts"]["when"], ("at", "on"))
        return features

    def check_info(self, bus, address, *args, **kwargs):
        guest = self.boot(*args, **kwargs)
        guest.run("dd if=/dev/vda of=/dev/null bs=4k count=100 2>/dev/null")
        disk = guest.ctl_json("info", "virtio", "virtio-blk0")
        features = self.assert_ready(disk)
        self.assertEqual((disk["bus"], disk["address"], disk["device_id"]), (bus, address, 2))
        self.assertTrue(features["VIRTIO_BLK_F_FLUSH"])
        self.assertFalse(features.get("VIRTIO_BLK_F_RO", False))
        self.assertEqual(len(disk["queues"]), 2)
        # Nothing is under way: all that was offered was taken and given back.
        for queue in disk["queues"]:
            self.assertEqual(queue["avail"], queue["last_avail"])
            self.assertEqual(queue["avail"], queue["used"])
            self.assertEqual((queue["waiting"], queue["in_flight"]), ([], []))
        rng = guest.ctl_json("info", "virtio", "virtio-rng0")
        self.assert_ready(rng)
        # Linux asks for random numbers beforehand, and has them.
        self.assertEqual((rng["queues"][0]["waiting"], rng["queues"][0]["in_flight"]), ([], []))
        self.assertRegex(guest.ctl("info", "virtio", "virtio-rng0"),
                         r"(?m)^VIRTIO_F_VERSION_1 +32 +yes +yes$")
        guest.power_off()
        return disk

    def test_info_over_pci(self):
        disk = self.check_info("pci", "00:01.0", "-c", 2)
        self.assertEqual({queue["layout"] for queue in disk["queues"]}, {"packed"})

    def test_info_over_mmio(self):
        self.check_info("mmio", "0xfe000000", "-c", 2, "--transport", "mmio", series="6.12")

    def test_requests_in_flight(self):
        """Of a paused machine the driver's requests stay as they are: those that the device had are done."""
        guest = self.boot("-c", 2)
        guest.type("while :; do dd if=/dev/vda of=/dev/null bs=4k iflag=direct 2>/dev/null; done")
        time.sleep(1)
        guest.ctl("pause")
        def used(queue):
            return queue["used"], queue["avail"]
        vmm.wait_until(lambda: not any(queue["in_flight"] for queue in guest.ctl_json("info", "virtio", "virtio-blk0")["queues"]),
                       "the disk has done what it had")
        first = [used(queue) for queue in guest.ctl_json("info", "virtio", "virtio-blk0")["queues"]]
        time.sleep(0.5)
        self.assertEqual([used(queue) for queue in guest.ctl_json("info", "virtio", "virtio-blk0")["queues"]], first)
        guest.ctl("resume")
        vmm.wait_until(lambda: [used(queue) for queue in guest.ctl_json("info", "virtio", "virtio-blk0")["queues"]] != first,
                       "the guest goes on")
        guest.ctl("quit")
        self.assertEqual(guest.process.finish(), vmm.STATUS_OK)

    def test_link(self):
        """The guest sees its cable go out and in."""
        guest = Guest(self, "--net", "user", modules=("virtio_net",))
        guest.run("ip link set eth0 up")
        for state, carrier in (("down", "0"), ("up", "1"), ("down", "0")):
            guest.ctl("link", "virtio-net0", state)
            vmm.wait_until(lambda want=carrier: guest.run("cat /sys/class/net/eth0/carrier").strip() == want,
                           f"the guest sees the link {state}")
        guest.power_off()

    def test_power_button(self):
        """Linux counts each press, also one that comes while the machine is paused."""
        guest = Guest(self, modules=("button",))
        def presses():
            return int(guest.run("cat /sys/firmware/acpi/interrupts/ff_pwr_btn").split()[0])
        self.assertEqual(presses(), 0)
        self.assertEqual(guest.ctl("power-button"), "")
        vmm.wait_until(lambda: presses() == 1, "the guest counts a press")
        guest.ctl("pause")
        guest.ctl("power-button")
        guest.ctl("resume")
        vmm.wait_until(lambda: presses() == 2, "the guest counts another")
        guest.power_off()

    def test_pauses(self):
        """The guest's clocks go on, and none of its watchdogs barks: the one for soft lockups would after 2 seconds."""
        guest = self.boot("-c", 2, append="watchdog_thresh=1")
        for name in ("soft_watchdog", "watchdog_thresh"):
            self.assertEqual(guest.run(f"cat /proc/sys/kernel/{name}").strip(), "1")
        for _ in range(2):
            before = float(guest.run("cat /proc/uptime").split()[0])
            start = time.monotonic()
            guest.ctl("pause")
            guest.process.send("cat /proc/uptime\n")
            time.sleep(PAUSE)
            guest.ctl("resume")
            guest.at = guest.process.wait_for("\n", guest.at)
            guest.at = guest.process.wait_for("/ # ", guest.at)
            after = float(guest.run("cat /proc/uptime").split()[0])
            self.assertGreater(after - before, PAUSE - 0.1)
            self.assertLess(after - before, time.monotonic() - start + 1)
        guest.power_off()


if __name__ == "__main__":
    vmm.main()
