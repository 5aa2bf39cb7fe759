# SPDX-License-Identifier: MIT
"""What an event costs the thread that leaves it: tracepoint-bench, a C program, measures it."""

import json
import subprocess

from common import BUILD, Failed, Result, need_built

LINES = (("disabled_without_provider", "tracepoint.no-provider", 1),
         ("disabled_with_provider", "tracepoint.disabled", 1),
         ("exit_and_entry_recorded", "tracepoint.exit-entry", 400))


def benchmark(options):
    """one trace event that is off; the two of one exit, recorded"""
    program = need_built("tracepoint-bench", BUILD / "bin/tracepoint-bench")
    done = subprocess.run([program, "--json", "--runs", str(options.runs(9))], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        measured = json.loads(done.stdout)
    except ValueError as error:
        raise Failed("tracepoint-bench: " + done.stderr.strip()) from error
    for key, name, bar in LINES:
        found = measured[key]
        if not found:
            yield Result(name, "ns", [], bar=bar, note=done.stderr.strip().split("\n")[-1])
            continue
        note = "%.1f ns at best" % found["min_ns"]
        if found["lost_events"]:
            note = "%d events lost: too low" % found["lost_events"]
        yield Result(name, "ns", [found["min_ns"], found["median_ns"], found["max_ns"]], bar=bar, note=note)
