#!/bin/sh
# SPDX-License-Identifier: MIT
# What the real provider writes is what the report reads: the same events through LTTng.
#
# report_lttng_test.sh TRACE_EMITTER GLASSBOX_TRACE
set -eu

emitter=$1
glassbox_trace=$2
pairs=5000

# In namespaces of its own: other LTTng daemons of this machine are neither met nor disturbed.
if [ -z "${REPORT_LTTNG_TEST_DIR-}" ]; then
    for program in lttng-sessiond babeltrace2 unshare; do
        if ! command -v "$program" >/dev/null; then
            echo "skipped: $program is not installed"
            exit 77
        fi
    done
    set -- unshare --mount --pid --fork --mount-proc --kill-child
    [ "$(id -u)" = 0 ] || set -- "$@" --user --map-root-user
    if ! "$@" true 2>/dev/null; then
        echo "skipped: cannot make namespaces here (unshare)"
        exit 77
    fi
    dir=$(mktemp -d "$PWD/report_lttng_test.XXXXXX")
    trap 'rm -rf "$dir"' EXIT
    REPORT_LTTNG_TEST_DIR=$dir "$@" "$0" "$emitter" "$glassbox_trace"
    exit
fi

dir=$REPORT_LTTNG_TEST_DIR
mount -t tmpfs none /run
mount -t tmpfs -o size=1g,mode=1777 none /dev/shm
unset LTTNG_HOME LTTNG_UST_REGISTER_TIMEOUT LD_PRELOAD

fail() {
    echo "FAILED: $1"
    cat "$dir/report"
    exit 1
}

has() {
    grep -Fq -- "$1" "$dir/report" || fail "the report lacks: $1"
}

"$emitter" -n "$pairs" "$dir/trace" >"$dir/emitter"
cat "$dir/emitter"
"$glassbox_trace" report --limit 0 "$dir/trace" >"$dir/report"

# Each event once, with values that the emitter is known for.
has 'Guest      glassbox v1.2 "quoted", 3 vCPUs, 4660 MiB, kernel /boot/vm linuz, text slide 0xffffffff80000000'
has 'ended with status 129: guest panic'
has "the VMM's own count differs: 1001"
has 'Debugger   0 pauses of vCPUs'
has 'KVM_EXIT_MMIO '
has '? @0xd0000004 w'
has 'uart0 +0x5 0x3fd r'
has '0xffffffff81000042'

# All exits, by another reader's count.
expected=$(babeltrace2 "$dir/trace" 2>/dev/null | grep -c 'glassbox:exit:')
found=$(awk '$1 == "Exits" { sum += $2 } END { print sum }' "$dir/report")
[ "$found" -eq "$expected" ] || fail "$found exits, babeltrace2 sees $expected"
# The emitter's ring may be too small for this machine; then the loss must be in the report.
lost=$(sed -n 's/^lost events=\([0-9]*\).*/\1/p' "$dir/emitter")
told=$(awk '$1 == "Events" { sum += $(NF - 2) } END { print sum }' "$dir/report")
[ "$told" -eq "$lost" ] || fail "$told lost events, the tracer says $lost"
[ "$lost" -ne 0 ] || [ "$found" -eq $((pairs + 2)) ] || fail "$found exits of $((pairs + 2))"
echo "$found exits through LTTng, $lost lost"
