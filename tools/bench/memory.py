# SPDX-License-Identifier: MIT
"""What the VMM adds to the memory of a Linux guest that has used its disk and its network interface."""

import pathlib
import tempfile
import time

from common import Result, end, need_program, private_bytes, where
import linux
import network

MEMORY, RAM = "128M", 128 << 20
DISK_BYTES = 64 << 20
USED = "@@ used"

INIT = linux.START + f"""
until [ -b /dev/vda ]; do sleep 0.1; done
dd if=/dev/vda of=/dev/null bs=1M 2>/dev/null
{network.UP}
ping -c 20 -i 0.1 -s 8000 {network.HOST} >/dev/null
echo "{USED}"
sleep 1000
"""


def qemu_devices(disk):
    return ("-object", "iothread,id=thread", "-device", "virtio-blk-pci,drive=disk,iothread=thread",
            "-drive", f"if=none,id=disk,file={disk},format=raw,aio=io_uring", *network.QEMU_DEVICES)


def private_mebibytes(process):
    """Beyond the guest's RAM, once it has used its devices and all is quiet."""
    linux.read_until(process, USED.encode())
    time.sleep(1)
    try:
        return private_bytes(process.pid, RAM) / (1 << 20)
    finally:
        end(process)


def take(options, guest):
    ours, theirs = [], []
    with network.tap_interface(), tempfile.TemporaryDirectory(prefix="glassbox-bench-") as scratch:
        disk = pathlib.Path(scratch) / "disk.img"
        disk.write_bytes(b"\xa5" * DISK_BYTES)
        for _ in range(options.runs(3)):
            ours.append(private_mebibytes(guest.start("--disk", disk, *network.DEVICES)))
            if options.peers:
                theirs.append(private_mebibytes(guest.start_qemu(*qemu_devices(disk), machine=network.MACHINE)))
    yield from linux.beside_qemu(Result("memory.private", "MiB", ours, bar=5, where=where()), theirs, None)


def benchmark(options):
    """private memory beyond the guest's, one disk and one network interface in use"""
    need_program("ip", "iproute2")
    guest = linux.Guest("memory", MEMORY)
    return linux.measure(
        "memory", options, lambda: guest.make_initrd(init=INIT, modules=("virtio_pci", "virtio_blk", "virtio_net")),
        lambda: take(options, guest))
