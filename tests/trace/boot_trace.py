# SPDX-License-Identifier: MIT
"""What a trace of `glassbox run` says, computed from the text that babeltrace2 prints, and `glassbox-trace report` beside it.

The analysis here shares nothing with the report's but the definitions in docs/report.md.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / part) for part in ("support", "guest")]
import vmm_process as vmm  # noqa: E402

KVM_EXIT_IO = 2
KVM_EXIT_MMIO = 6
KVM_EXIT_INTR = 10

REPORTER = vmm.BUILD / "bin/glassbox-trace"
PLUGINS = vmm.BUILD / "lib"

Event = collections.namedtuple("Event", "time name fields")
LINE = re.compile(r"\[(\d+)\.(\d{9})\] \S+ glassbox:(\w+): \{ cpu_id = \d+ \}, \{ (.*) \}$")
ENUM = re.compile(r'\( (?:"[^"]*"|<unknown>) : container = (\d+) \)')


def parse_value(text):
    enum = ENUM.fullmatch(text)
    if enum:
        return int(enum[1])
    if text.startswith('"'):
        return text.strip('"')
    return int(text, 0)


def read_events(directory):
    """All events of a trace, in babeltrace2's order; times in ns. Fields of texts with a comma are cut."""
    command = ["babeltrace2", "--clock-seconds", "--no-delta", directory]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    events = []
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            raise AssertionError(f"not a line of an event: {line}")
        fields = (field.partition(" = ") for field in match[4].split(", ") if " = " in field)
        events.append(Event(int(match[1]) * 10**9 + int(match[2]), match[3],
                            {name: parse_value(value) for name, _, value in fields}))
    return events


class Latency:
    """Times of a row: what can be compared exactly."""

    def __init__(self):
        self.count = self.sum = self.max = 0

    def add(self, value):
        self.count += 1
        self.sum += value
        self.max = max(self.max, value)


class Row:
    def __init__(self):
        self.exits = 0
        self.vmm_time = Latency()
        self.guest_time = Latency()


class Analysis:
    """Pairs up the exits and entries of each vCPU. Raises AssertionError if one has not its other."""

    def __init__(self, events):
        self.rows = {name: collections.defaultdict(Row) for name in ("all", "reason", "address", "vcpu")}
        self.pauses = []
        # What the VMM's time of an exit would be without cutting out the pause in it.
        self.uncut_max = 0
        self.user_exits = {}
        for vcpu in {event.fields["vcpu"] for event in events if event.name == "entry"}:
            self._follow([event for event in events if event.fields.get("vcpu") == vcpu])

    def _rows_of(self, fields):
        keys = {"all": None, "reason": fields["reason"], "vcpu": fields["vcpu"]}
        if fields["space"]:
            keys["address"] = (fields["space"], fields["addr"], fields["is_write"])
        return [self.rows[name][key] for name, key in keys.items()]

    def _follow(self, events):
        """The events of one vCPU."""
        seq = 0
        entry = exited = stopped = None
        rows = []
        paused = 0
        for event in events:
            if event.name == "entry":
                seq += 1
                assert entry is None and event.fields["seq"] == seq, f"an entry where none may be: {event}"
                if exited is not None:
                    for row in rows:
                        row.vmm_time.add(event.time - exited - paused)
                    self.uncut_max = max(self.uncut_max, event.time - exited)
                entry, exited = event.time, None
            elif event.name == "exit":
                assert entry is not None and event.fields["seq"] == seq, f"an exit without its entry: {event}"
                rows = self._rows_of(event.fields)
                for row in rows:
                    row.exits += 1
                    row.guest_time.add(event.time - entry)
                entry, exited, paused = None, event.time, 0
            elif event.name == "stop":
                stopped = event.time
            elif event.name == "resume":
                self.pauses.append(event.time - stopped)
                paused += event.time - stopped
            elif event.name == "vcpu_counters":
                self.user_exits[event.fields["vcpu"]] = event.fields["user_exits"]
        assert entry is None, "the last entry has no exit"

    def exits_by(self, table):
        return {key: row.exits for key, row in self.rows[table].items()}


def report(directory, *options):
    """What `glassbox-trace report` prints."""
    command = [REPORTER, "report", directory, *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def report_document(directory, *options):
    """The report with all of its rows, from its JSON."""
    document = json.loads(report(directory, "--json", "--limit=0", *options))
    assert (document["schema"], document["version"], document["complete"]) == ("glassbox.exits", 1, True), document
    return document


def report_machine(directory, *options):
    """The only machine in the report of a trace."""
    (machine,) = report_document(directory, *options)["machines"]
    return machine


def rows_by(machine, table):
    """A table of the report, with the keys of Analysis."""
    keys = {
        "reason": lambda row: row["reason"],
        "vcpu": lambda row: row["vcpu"],
        "address": lambda row: (("pio", "mmio").index(row["space"]) + 1, int(row["address"], 0),
                                int(row["access"] == "write")),
    }
    return {keys[table](row): row for row in machine[f"by_{table}"]["rows"]}


def can_load_plugin():
    """A sanitizer's runtime has to be in babeltrace2 first."""
    return b"__asan_init" not in (PLUGINS / "babeltrace-plugin-glassbox.so").read_bytes()


def report_of_plugin(directory, vmlinux=None):
    """The same report by the plugin of babeltrace2."""
    command = ["babeltrace2", directory, "--component=sink.glassbox.exits"]
    if vmlinux:
        command.append(f'--params=vmlinux="{vmlinux}"')
    environment = {**os.environ, "BABELTRACE_PLUGIN_PATH": str(PLUGINS)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


class TraceTest(vmm.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for program in ("babeltrace2", "lttng-sessiond"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")

    def assert_same_latency(self, latency, expected, what):
        self.assertEqual({name: latency[name] for name in ("count", "sum", "max")}, vars(expected), what)
        if expected.count:
            ordered = [latency[name] for name in ("min", "p50", "p90", "p99", "p999", "max")]
            self.assertEqual(ordered, sorted(ordered), what)

    def assert_same_row(self, row, expected, what):
        self.assertEqual(row["exits"], expected.exits, what)
        self.assert_same_latency(row["vmm_time"], expected.vmm_time, what)
        self.assert_same_latency(row["guest_time"], expected.guest_time, what)

    def assert_report_is_right(self, machine, analysis):
        """Nothing is lost, all counters agree, and each row has the exits and times it should have."""
        quality, counters = machine["quality"], machine["counters"]
        self.assertEqual((quality["lost_events"], quality["lost_packets"], quality["losses_of_unknown_size"]), (0, 0, 0))
        self.assertEqual(machine["warnings"], [])
        self.assertEqual(quality["unmatched"], {"at_start": 0, "at_end": len(analysis.user_exits), "in_between": 0,
                                                "across_loss": 0, "across_pause": 0})
        self.assertEqual(quality["debugger_pauses"], {"count": len(analysis.pauses), "time": sum(analysis.pauses)})
        self.assertTrue(counters["equal"])
        self.assertEqual(counters["vmm_exits"], sum(analysis.user_exits.values()))
        self.assertEqual(counters["trace_exits"], machine["all"]["exits"])
        self.assertEqual(analysis.exits_by("vcpu"), {vcpu: exits for vcpu, exits in analysis.user_exits.items() if exits})
        self.assert_same_row(machine["all"], analysis.rows["all"][None], "all")
        for table in ("reason", "address", "vcpu"):
            rows = rows_by(machine, table)
            self.assertEqual(rows.keys(), analysis.rows[table].keys())
            for key, row in rows.items():
                self.assert_same_row(row, analysis.rows[table][key], f"{table} {key}")
        functions = machine["by_function"]["rows"]
        self.assertEqual(sum(row["exits"] for row in functions), machine["all"]["exits"])

    def assert_pause_is_cut_out(self, machine, analysis, seconds):
        """Besides assert_report_is_right(): there was a pause so long, in the VMM's time of an exit."""
        self.assertGreaterEqual(max(analysis.pauses), seconds * 10**9)
        self.assertGreaterEqual(analysis.uncut_max, max(analysis.pauses))
        self.assertLess(machine["all"]["vmm_time"]["max"], analysis.uncut_max)
