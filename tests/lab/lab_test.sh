#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Is the lab a place to run tests in? What `lab run` promises about streams, exit statuses, files
# and an end that leaves nothing behind, and whether the mends of the emulator work.
# Builds the lab if need be. Prints one line a check; exit status 1 if one failed, 77 if there is no lab to test.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=$here/../../tools/lab/lab
# shellcheck source=tests/support/check.sh
. "$here/../support/check.sh"

# Everything a run leaves behind can be told by these: its files and its environment.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/lab, test.XXXXXX")
GLASSBOX_LAB_TEST=$$
export TMPDIR GLASSBOX_LAB_TEST
trap 'rm -rf "$TMPDIR"' EXIT
# A directory in no checkout, and with a name that needs care.
work=$TMPDIR/work
mkdir "$work"
cd "$work"

# run OPTION-OR-COMMAND...: a run whose streams go to files; sets `status`.
run() {
    status=0
    "$lab" run --timeout 120 "$@" >out 2>err || status=$?
}

# Processes, besides this one and what it runs now, that the test started.
leftover_processes() {
    local process
    for process in /proc/[0-9]*; do
        if [[ $(readlink "$process/exe" 2>/dev/null) == */qemu-system-x86_64 ]] &&
            grep -qsz "^GLASSBOX_LAB_TEST=$$\$" "$process/environ"; then
            printf '%s ' "${process##*/}"
        fi
    done
}

"$lab" status >/dev/null || {
    echo "skipped: the lab is not built: tools/lab/lab build"
    exit 77
}

# shellcheck disable=SC2016 # for the shell in the lab
run sh -c 'echo "to stdout"; echo "to stderr" >/dev/stderr; echo more >&2; exit 7' </dev/null
check "the command's exit status comes back" 7 "$status"
check "its stdout comes back, alone" "to stdout" "$(<out)"
check "its stderr comes back, alone" $'to stderr\nmore' "$(<err)"

run -- printf '%s|' 'a b' '' '*' $'new\nline' "quo'te\"s" -- </dev/null
check "arguments arrive as they were" "a b||*|"$'new\nline'"|quo'te\"s|--|" "$(<out)"

# shellcheck disable=SC2016
GLASSBOX_X='some value' LANG=C.UTF-8 SECRET=no run sh -c \
    'pwd; echo "$GLASSBOX_X"; echo "$LANG"; echo "${SECRET-unset}"; id -u' </dev/null
check "directory and environment are the caller's" \
    "$(pwd -P)"$'\nsome value\nC.UTF-8\nunset\n0' "$(<out)"

run nosuchprogram </dev/null
check "a command that does not exist gives 127" 127 "$status"

head -c 1048576 /dev/urandom >random
run sh -c 'cat random; cat random random >&2' </dev/null
check "1 MiB on stdout is exact" "$(sha256sum <random)" "$(sha256sum <out)"
check "2 MiB on stderr at the same time are exact" "$(cat random random | sha256sum)" "$(sha256sum <err)"
run sha256sum <random
check "stdin from a file is exact" "$(sha256sum <random)" "$(<out)"
check "stdin from a pipe is exact" "$(sha256sum <random)" "$(tail -c +1 random | "$lab" run --timeout 120 sha256sum)"

run sh -c 'mkdir made && cp random made/copy && chmod 640 made/copy && ! touch /etc/lab-test' </dev/null
check "the working directory is writable, the rest is not" 0 "$status"
check "what is written is whole" "$(sha256sum <random)" "$(sha256sum <made/copy)"
check "and has owner and mode" "$(id -u) 640" "$(stat -c '%u %a' made/copy)"

# shellcheck disable=SC2016
run sh -c 'test -c /dev/kvm && test -c /dev/net/tun && test -d /sys/module/kvm_amd &&
    test -d /sys/kernel/tracing/events/kvm && test -d /sys/kernel/debug/kvm &&
    test "$(cat /sys/class/net/lo/flags)" = 0x9 && test -w /tmp -a -w /run -a -w /dev/shm && test -c /dev/pts/ptmx' </dev/null
check "KVM, TUN/TAP, tracing, loopback and places to write are there" 0 "$status"

# Output that arrives while the command runs, a second before it ends.
streamed=$("$lab" run --timeout 120 sh -c 'echo first; sleep 2; echo last' </dev/null |
    while read -r line; do echo "$line $EPOCHSECONDS"; done)
check "output streams" yes \
    "$([[ $streamed =~ ^first\ ([0-9]+).*last\ ([0-9]+)$ ]] &&
        ((BASH_REMATCH[2] > BASH_REMATCH[1])) && echo yes || echo "no: $streamed")"

# Long enough for a start on a machine that is busy.
status=0
"$lab" run --timeout 40 sh -c 'echo begun; sleep 1000' </dev/null >out 2>err || status=$?
check "a time-out gives 124" 124 "$status"
check "and says so in one line" "lab: timed out after 40 s: sh -c echo begun; sleep 1000" "$(<err)"
check "and keeps what was printed" begun "$(<out)"

run --console console sh -c 'echo c >/proc/sysrq-trigger; sleep 60' </dev/null
check "a lab that dies gives 125" 125 "$status"
check "and its console tells why" yes "$(grep -q 'sysrq triggered crash' err && echo yes)"
check "and can be kept" yes "$(grep -q 'sysrq triggered crash' console && echo yes)"

"$lab" run --timeout 120 sh -c 'echo up; sleep 1000' </dev/null >out 2>err &
pid=$!
for ((try = 0; try < 300; try++)); do
    [[ ! -s out ]] || break
    sleep 0.1
done
check "the lab is up" up "$(<out)"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
check "SIGTERM ends a run" 143 "$status"

cc -O2 -o kvm_debug_check "$here/kvm_debug_check.c"
run ./kvm_debug_check </dev/null
sed 's/^/    /' out
check "KVM in the lab delivers guest debugging" 0 "$status"

cc -O2 -o cmpxchg_check "$here/cmpxchg_check.c"
run ./cmpxchg_check </dev/null
sed 's/^/    /' out
check "the lab's processor keeps flags where it must" 0 "$status"

cc -O2 -o kvm_window_check "$here/kvm_window_check.c"
run --cpus 1 ./kvm_window_check </dev/null
sed 's/^/    /' out
check "the lab's processor loses no interrupt" 0 "$status"

cc -O2 -mfxsr -pthread -o kvm_neighbour_check "$here/kvm_neighbour_check.c"
for what in fpu lock; do
    run --cpus 2 ./kvm_neighbour_check "$what" </dev/null
    sed 's/^/    /' out
    check "what another processor does ($what) leaves VMRUN alone" 0 "$status"
done

# A lab that starts with a rate which it corrects soon, by half a percent.
run sed -n 's/^cpu MHz.*: \([0-9]*\)\..*/\1/p' /proc/cpuinfo </dev/null
read -r mhz <out
cc -O2 -o kvm_tsc_check "$here/kvm_tsc_check.c"
# shellcheck disable=SC2016
run --append "tsc_early_khz=$((mhz * 995))" sh -c 'for try in $(seq 300); do
    ! grep -qx tsc /sys/devices/system/clocksource/clocksource0/current_clocksource || exec ./kvm_tsc_check
    sleep 0.1
done
exit 1' </dev/null
sed 's/^/    /' out
check "KVM in the lab knows its guests' TSCs, though it was loaded early" 0 "$status"

check "no process is left behind" "" "$(leftover_processes)"
check "no file is left behind" "$work" "$(find "$TMPDIR" -mindepth 1 -maxdepth 1)"
exit "$failed"
