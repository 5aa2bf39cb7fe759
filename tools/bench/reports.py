# SPDX-License-Identifier: MIT
"""How fast a report is made of a synthetic trace, beside what reading it alone costs: babeltrace2
with a sink that does nothing. Both have one thread, so a second here is one of CPU time."""

import os
import pathlib
import subprocess
import tempfile

from common import BUILD, Failed, Result, need_built, need_program

EXITS = 1_000_000  # two events each


def rate(*command):
    """Millions of events a second of one run."""
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed("%s: %s" % (command[0], said.decode(errors="replace").strip()))
    return 2 * EXITS / (usage.ru_utime + usage.ru_stime) / 1e6


def benchmark(options):
    """glassbox-trace report, beside babeltrace2 that only reads"""
    need_program("babeltrace2", "babeltrace2")
    tool = need_built("glassbox_trace_tool", BUILD / "bin/glassbox-trace")
    writer = need_built("report_bench_trace", BUILD / "bench/report_bench_trace")
    text, json, reading = [], [], []
    with tempfile.TemporaryDirectory(prefix="report-bench-", dir=BUILD) as scratch:
        trace = pathlib.Path(scratch) / "trace"
        subprocess.run([writer, trace, str(EXITS)], check=True)
        for _ in range(options.runs(7)):
            reading.append(rate("babeltrace2", trace, "--component=sink.utils.dummy"))
            text.append(rate(tool, "report", trace))
            json.append(rate(tool, "report", "--json", trace))
    for name, samples in (("report.text", text), ("report.json", json)):
        result = Result(name, "M events/s", samples, bar=1, more_is_better=True, peer="babeltrace2",
                        note="%.2f at best" % max(samples))
        result.peer_value = Result("", "", reading).value
        yield result
