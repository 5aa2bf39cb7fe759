#!/bin/sh
# SPDX-License-Identifier: MIT
# How fast a report is made: glassbox-trace report beside babeltrace2 with a sink that does nothing,
# over the same synthetic trace.  Prints events a second and the ratio; never fails by time.
#
# report_bench.sh [BUILD_DIR [EXITS [RUNS]]]     default: build/release, 1000000 exits, 3 runs
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$top/build/release}
exits=${2:-1000000}
runs=${3:-3}
events=$((2 * exits))

cmake --build "$build" --target glassbox_trace_tool report_bench_trace >/dev/null
dir=$(mktemp -d "$build/report_bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$build/bench/report_bench_trace" "$dir/trace" "$exits"

# The best of the runs, in ns: the others measure who else was on the machine.
best_of() {
    best=
    for _ in $(seq "$runs"); do
        begin=$(date +%s%N)
        "$@" >/dev/null
        end=$(date +%s%N)
        if [ -z "$best" ] || [ $((end - begin)) -lt "$best" ]; then
            best=$((end - begin))
        fi
    done
    echo "$best"
}

report=$(best_of "$build/bin/glassbox-trace" report "$dir/trace")
json=$(best_of "$build/bin/glassbox-trace" report --json "$dir/trace")
dummy=$(best_of babeltrace2 "$dir/trace" --component=sink.utils.dummy)

awk -v events="$events" -v report="$report" -v json="$json" -v dummy="$dummy" 'BEGIN {
    printf "%d events, best of runs\n", events
    printf "%-36s %8s %14s %8s\n", "", "seconds", "events/s", "ratio"
    format = "%-36s %8.2f %14d %8.2f\n"
    printf format, "babeltrace2 --component=...dummy", dummy / 1e9, events * 1e9 / dummy, 1
    printf format, "glassbox-trace report", report / 1e9, events * 1e9 / report, report / dummy
    printf format, "glassbox-trace report --json", json / 1e9, events * 1e9 / json, json / dummy
}'
