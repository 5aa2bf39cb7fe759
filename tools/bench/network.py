# SPDX-License-Identifier: MIT
"""TCP between a guest and its host over a TAP interface, both ways, by iperf3, beside QEMU's virtio-net without vhost,
turn by turn."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from common import Failed, Result, Skipped, end, need_program, where
import linux

MACHINE = linux.MICROVM + ",pcie=on"
TAP, HOST, GUEST = "glassbox0", "192.168.77.1", "192.168.77.2"
SECONDS = 5

DEVICES = ("--net", "tap=" + TAP)
QEMU_DEVICES = ("-netdev", f"tap,id=net,ifname={TAP},script=no,downscript=no,vhost=off",
                "-device", "virtio-net-pci,netdev=net")

UP = f"""
ip link set lo up
ip link set eth0 up
ip addr add {GUEST}/24 dev eth0
until ping -c 1 -W 1 {HOST} >/dev/null; do :; done
"""
INIT = linux.START + UP + f"""
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


def make_initrd(guest):
    program = shutil.which("iperf3")
    files = ["%s:bin/iperf3" % program, *("%s:%s" % (file, file) for file in libraries(program))]
    guest.make_initrd("--compress", "none", "--file", *files, init=INIT, modules=("virtio_pci", "virtio_net"))


def run_guest(process):
    """Gbit/s that the other side received: guest to host, host to guest."""
    text = linux.read_until(process, b"@@ end").decode(errors="replace").replace("\r", "")
    end(process)
    results = [json.loads(part[:part.rindex("}") + 1]) for part in text.split("@@ result\n")[1:]]
    try:
        return [result["end"]["sum_received"]["bits_per_second"] / 1e9 for result in results]
    except KeyError as error:
        raise Failed("iperf3: %s" % [result.get("error") for result in results]) from error


def measure_with_tap(options, guest):
    ours, theirs = [], []
    for _ in range(options.runs(3)):
        ours.append(run_guest(guest.start(*DEVICES)))
        if options.peers:
            theirs.append(run_guest(guest.start_qemu(*QEMU_DEVICES, machine=MACHINE)))
    for way, name in enumerate(("send", "receive")):
        result = Result("network." + name, "Gbit/s", [both[way] for both in ours], more_is_better=True, where=where())
        ratio = Result("network.%s-ratio" % name, "of QEMU's", [], bar=1, more_is_better=True)
        yield from linux.beside_qemu(result, [both[way] for both in theirs], ratio)


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


def take(options, guest):
    with tap_interface(), tempfile.TemporaryFile() as log:
        server = subprocess.Popen(["iperf3", "--server", "--bind", HOST], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield from measure_with_tap(options, guest)
        finally:
            end(server)


def benchmark(options):
    """TCP over a TAP interface, both ways; with --peers beside QEMU without vhost"""
    for program, package in (("iperf3", "iperf3"), ("ip", "iproute2")):
        need_program(program, package)
    guest = linux.Guest("network", "512M")
    return linux.measure("network", options, lambda: make_initrd(guest), lambda: take(options, guest))
