# SPDX-License-Identifier: MIT
"""What the VMM adds to the memory of a Linux guest that has used its disk and its network interface."""

import os
import pathlib
import select
import subprocess
import tempfile
import time

from common import (BUILD, GLASSBOX, SOURCE, Failed, Result, end, fetch_kernel, need_program, private_bytes, qemu, where)
import common
import honest
import network

RAM = 128 << 20
DISK_BYTES = 64 << 20
COMMAND_LINE = "console=ttyS0 quiet panic=-1"
UP = b"@@ used"
PATIENCE = 240
MODULES = ("virtio_pci", "virtio_blk", "virtio_net")

INIT = f"""#!/bin/sh
mount -t devtmpfs dev /dev 2>/dev/null
while read -r module; do insmod "$module"; done </modules
until [ -b /dev/vda ]; do sleep 0.1; done
dd if=/dev/vda of=/dev/null bs=1M 2>/dev/null
ip link set eth0 up
ip addr add {network.GUEST}/24 dev eth0
until ping -c 1 -W 1 {network.HOST} >/dev/null; do :; done
ping -c 20 -i 0.1 -s 8000 {network.HOST} >/dev/null
echo "{UP.decode()}"
sleep 1000
"""


def make_initrd(path):
    init = path.with_suffix(".init")
    init.write_text(INIT)
    subprocess.run([SOURCE / "tools/mkinitramfs", "-o", path, "--init", init, "--module-dir",
                    fetch_kernel("--series", "6.1", "--print", "modules"), "--module", *MODULES], check=True)


def start_ours(kernel, initrd, disk):
    return subprocess.Popen(
        [GLASSBOX, "run", "--kernel", kernel, "--initrd", initrd, "--memory", "128M", "--append", COMMAND_LINE,
         "--disk", disk, "--net", "tap=" + network.TAP],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def start_qemu(kernel, initrd, disk):
    return qemu("-kernel", kernel, "-initrd", initrd, "-append", COMMAND_LINE, "-serial", "stdio", "-m", "128M",
                "-object", "iothread,id=thread", "-device", "virtio-blk-pci,drive=disk,iothread=thread",
                "-drive", f"if=none,id=disk,file={disk},format=raw,aio=io_uring",
                "-netdev", "tap,id=net,ifname=%s,script=no,downscript=no,vhost=off" % network.TAP,
                "-device", "virtio-net-pci,netdev=net", machine=network.MACHINE, stdout=subprocess.PIPE)


def private_mebibytes(process):
    """Beyond the guest's RAM, once it has used its devices and all is quiet."""
    said, deadline = b"", time.monotonic() + PATIENCE
    try:
        while UP not in said:
            readable, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
            data = os.read(process.stdout.fileno(), 65536) if readable else b""
            if not data:
                raise Failed("the guest did not use its devices: ...%s" % said[-300:].decode(errors="replace"))
            said += data
        time.sleep(1)
        return private_bytes(process.pid, RAM) / (1 << 20)
    finally:
        end(process)


def take(options, kernel, initrd):
    ours, theirs = [], []
    with network.tap_interface(), tempfile.TemporaryDirectory(prefix="glassbox-bench-") as scratch:
        disk = pathlib.Path(scratch) / "disk.img"
        disk.write_bytes(b"\xa5" * DISK_BYTES)
        for _ in range(options.runs(3)):
            ours.append(private_mebibytes(start_ours(kernel, initrd, disk)))
            if options.peers:
                theirs.append(private_mebibytes(start_qemu(kernel, initrd, disk)))
    return [Result("memory.private", "MiB", ours, bar=5, peer="QEMU" if theirs else None,
                   peer_value=sorted(theirs)[len(theirs) // 2] if theirs else None, where=where())]


def benchmark(options):
    """private memory beyond the guest's, one disk and one network interface in use"""
    need_program("ip", "iproute2")
    if options.peers:
        need_program(common.QEMU, "qemu-system-x86")
    kernel = fetch_kernel("--series", "6.1", "--print", "vmlinuz")
    initrd = BUILD / "bench/memory-initrd"
    initrd.parent.mkdir(exist_ok=True)
    return honest.measure("memory", options, lambda: make_initrd(initrd), lambda: take(options, kernel, initrd))
