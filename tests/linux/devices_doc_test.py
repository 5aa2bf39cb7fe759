#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples of docs/devices.md, run as they stand there.

Runs in a network namespace of its own where that is permitted, which TAP interfaces need.
"""

import os
import pathlib
import re
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import net_host  # noqa: E402
import vmm_process as vmm  # noqa: E402
from expected import alike, difference, examples  # noqa: E402
from linux_guest import kernel  # noqa: E402

DOCUMENT = vmm.SOURCE / "docs/devices.md"
# Of the host's shell, of the guest's, of its login.
HOST = "$ "
PROMPTS = ("/ # ", "root@glassbox:~# ", "glassbox login: ")


def steps_of(example):
    """The (prompt, what is typed, what comes back) of an example."""
    steps = []
    for line in example.splitlines():
        prompt = next((each for each in (HOST, *PROMPTS) if line.startswith(each)), None)
        if prompt:
            steps.append((prompt, line[len(prompt):], []))
        else:
            steps[-1][2].append(line)
    return [(prompt, typed, "\n".join(answer)) for prompt, typed, answer in steps]


def goes_on(steps):
    """Is the guest of the example still there, while the next is done on the host?"""
    first = next((step for step in steps if step[0] in PROMPTS or step[1].startswith("glassbox run")), None)
    return first is not None and first[0] in PROMPTS


class Guest:
    """The `glassbox run` of an example."""

    def __init__(self, command, directory, prompted):
        self.process = vmm.Vmm(command, command=None, stdin="pipe" if prompted else "null",
                               prefix=("sh", "-c", f"cd '{directory}' && eval \"exec $1 ${{2#glassbox }}\"", "sh"))
        self.at = 0

    def until(self, prompt):
        """Its output up to the prompt, which must come."""
        start = self.at
        self.at = self.process.wait_for("\n" + prompt, max(start - 1, 0))
        return self.output(start, self.at - len(prompt))

    def output(self, start, end=None):
        return bytes(self.process.out[start:end]).decode(errors="replace").replace("\r", "")

    def say(self, text):
        self.process.send(text + "\n")
        # The echo.
        self.at = self.process.wait_for("\n", self.at)


class DevicesTest(linux_guest.LinuxTest):
    def setUp(self):
        super().setUp()
        os.symlink(kernel(), self.directory / "vmlinuz")
        (self.directory / "tools").symlink_to(vmm.SOURCE / "tools")
        command = re.search(r"^    tools/mkinitramfs -o initrd.img.*?\n\n", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
        self.on_host(command[0])

    def on_host(self, command):
        done = subprocess.run(command, shell=True, cwd=self.directory, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=vmm.PATIENCE,
                              env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})
        return done.stdout

    def assert_alike(self, expected, actual, what):
        wrong = difference(expected, actual, alike)
        self.assertIsNone(wrong, f"after '{what}': {wrong}")

    def end(self, guest, expected, what):
        """It ends by itself; what it says last is what the example shows."""
        guest.process.finish()
        said = guest.output(guest.at) + guest.process.err.decode(errors="replace")
        if expected:
            self.assert_alike(expected, said, what)
        else:
            self.assertEqual(guest.process.errors(), [], what)
        guest.process.close()

    def run_example(self, example):
        if "ip tuntap" in example:
            net_host.need_namespace()
        if "losetup" in example and os.geteuid() != 0:
            self.skipTest("it takes root, to make a block device of a file")
        guest = None
        steps = steps_of(example)
        for number, (prompt, typed, answer) in enumerate(steps):
            following = steps[number + 1][0] if number + 1 < len(steps) else None
            in_guest = prompt != HOST
            if typed == "echo $?":
                self.assertEqual(str(guest.process.process.returncode), answer)
                continue
            if in_guest:
                guest.say(typed)
            elif typed.startswith("glassbox run"):
                guest = Guest(typed, self.directory, following in PROMPTS)
                self.addCleanup(guest.process.close)
            else:
                self.assert_alike(answer, self.on_host(typed), typed)
                continue
            if following in PROMPTS or goes_on(steps[number + 1:]):
                self.assert_alike(answer, guest.until(following if following in PROMPTS else prompt), typed)
            else:
                self.end(guest, answer if not in_guest else "[...]", typed)


def add_tests():
    """A test for each example, named by its section."""
    section = "start"
    for part in re.split(r"^##+ ", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]:
        section = re.sub(r"\W+", "_", part.splitlines()[0]).lower()
        for number, example in enumerate(examples(part)):
            def test(self, example=example):
                self.run_example(example)
            setattr(DevicesTest, f"test_{section}_{number + 1}", test)


add_tests()

if __name__ == "__main__":
    net_host.enter_namespace()
    vmm.main()
