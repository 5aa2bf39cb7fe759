# SPDX-License-Identifier: MIT
"""TCP between a guest and its host over a TAP interface, both ways, by iperf3, beside QEMU's virtio-net without vhost,
turn by turn."""

import contextlib
import json
import os
import re
import select
import shutil
import statistics
import subprocess
import tempfile
import time

from common import BUILD, GLASSBOX, SOURCE, Failed, Result, Skipped, fetch_kernel, need_program, qemu, where
import common
import honest

MACHINE = "microvm,rtc=on,pit=off,pic=off,pcie=on"
TAP, HOST, GUEST = "glassbox0", "192.168.77.1", "192.168.77.2"
COMMAND_LINE = "console=ttyS0 quiet panic=-1"
SECONDS = 5
PATIENCE = 240
MODULES = ("virtio_pci", "virtio_net")

INIT = f"""#!/bin/sh
mount -t devtmpfs dev /dev 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do insmod "$module"; done </modules
ip link set lo up
ip link set eth0 up
ip addr add {GUEST}/24 dev eth0
until ping -c 1 -W 1 {HOST} >/dev/null; do :; done
for way in "" -R; do
    echo "@@ result"
    iperf3 -c {HOST} -t {SECONDS} --json $way
done
echo "@@ end"
poweroff -f
"""


def libraries(program):
    """What the dynamic linker loads for it, and the linker."""
    text = subprocess.run(["ldd", program], check=True, text=True, stdout=subprocess.PIPE).stdout
    return re.findall(r"(/\S+) \(0x", text)


def make_initrd(path):
    program = shutil.which("iperf3")
    init = path.with_suffix(".init")
    init.write_text(INIT)
    files = ["%s:bin/iperf3" % program, *("%s:%s" % (file, file) for file in libraries(program))]
    subprocess.run([SOURCE / "tools/mkinitramfs", "-o", path, "--compress", "none", "--init", init, "--module-dir",
                    fetch_kernel("--series", "6.1", "--print", "modules"), "--module", *MODULES, "--file", *files], check=True)


def run_guest(process):
    """Gbit/s that the other side received: guest to host, host to guest."""
    said = b""
    deadline = time.monotonic() + PATIENCE
    try:
        while b"@@ end" not in said:
            readable, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
            data = os.read(process.stdout.fileno(), 65536) if readable else b""
            if not data:
                raise Failed("the guest did not finish: ...%s" % said[-300:].decode(errors="replace"))
            said += data
    finally:
        process.kill()
        process.wait()
    text = said.decode(errors="replace").replace("\r", "")
    results = [json.loads(part[:part.rindex("}") + 1]) for part in text.split("@@ result\n")[1:]]
    try:
        return [result["end"]["sum_received"]["bits_per_second"] / 1e9 for result in results]
    except KeyError as error:
        raise Failed("iperf3: %s" % [result.get("error") for result in results]) from error


def start_ours(kernel, initrd):
    return subprocess.Popen(
        [GLASSBOX, "run", "--kernel", kernel, "--initrd", initrd, "--memory", "512M", "--append", COMMAND_LINE,
         "--net", "tap=" + TAP],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def start_qemu(kernel, initrd):
    return qemu("-kernel", kernel, "-initrd", initrd, "-append", COMMAND_LINE, "-serial", "stdio",
                "-netdev", "tap,id=net,ifname=%s,script=no,downscript=no,vhost=off" % TAP,
                "-device", "virtio-net-pci,netdev=net", machine=MACHINE, stdout=subprocess.PIPE)


def measure_with_tap(options, kernel, initrd):
    ours, theirs = ([], []), ([], [])
    for _ in range(options.runs(3)):
        for samples, start in ((ours, start_ours), *(((theirs, start_qemu),) if options.peers else ())):
            for way, gigabits in enumerate(run_guest(start(kernel, initrd))):
                samples[way].append(gigabits)
    for way, name in enumerate(("send", "receive")):
        result = Result("network." + name, "Gbit/s", ours[way], more_is_better=True, where=where())
        if theirs[way]:
            result.peer, result.peer_value = "QEMU", statistics.median(theirs[way])
        yield result
        if theirs[way]:
            yield Result("network.%s-ratio" % name, "of QEMU's", [result.ratio], bar=1, more_is_better=True, where=where())


@contextlib.contextmanager
def tap_interface():
    """The interface TAP, with the host's address, while the caller needs it."""
    if os.geteuid() != 0:
        raise Skipped("it takes root, to make a TAP interface")
    try:
        for command in (("tuntap", "add", "dev", TAP, "mode", "tap"), ("addr", "add", HOST + "/24", "dev", TAP),
                        ("link", "set", TAP, "up")):
            subprocess.run(["ip", *command], check=True)
        yield
    finally:
        subprocess.run(["ip", "link", "delete", TAP], check=False)


def measure(options, kernel, initrd):
    with tap_interface(), tempfile.TemporaryFile() as log:
        server = subprocess.Popen(["iperf3", "--server", "--bind", HOST], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            return list(measure_with_tap(options, kernel, initrd))
        finally:
            common.end(server)


def benchmark(options):
    """TCP over a TAP interface, both ways; with --peers beside QEMU without vhost"""
    for program, package in (("iperf3", "iperf3"), ("ip", "iproute2")):
        need_program(program, package)
    if options.peers:
        need_program(common.QEMU, "qemu-system-x86")
    kernel = fetch_kernel("--series", "6.1", "--print", "vmlinuz")
    initrd = BUILD / "bench/network-initrd"
    initrd.parent.mkdir(exist_ok=True)
    return honest.measure("network", options, lambda: make_initrd(initrd), lambda: measure(options, kernel, initrd))
