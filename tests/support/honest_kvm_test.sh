#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tests tests/support/honest-kvm with a doctor that says what it is told to, and no lab.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# An empty cache: the lab is not built.
export XDG_CACHE_HOME=$work/cache
unset GLASSBOX_IN_LAB
# shellcheck source=tests/support/check.sh
. "$here/check.sh"

# doctor_says REPORT: each call of the doctor also leaves a line in `calls`.
doctor_says() {
    mkdir -p "$work/bin"
    printf '#!/bin/sh\necho "$@" >>%q\ncat <<END\n%s\nEND\n' "$work/calls" "$1" >"$work/bin/glassbox"
    chmod +x "$work/bin/glassbox"
    rm -f "$work/calls" "$work/honest-kvm.verdict"
}

honest_kvm() {
    "$here/honest-kvm" --build "$work" "$@"
}

no_lab="; and the lab is not built: tools/lab/lab build"
good='{"summary": {"run": true, "debug": true, "trace": false}, "checks": []}'
bad='{"summary": {"run": true, "debug": false, "trace": true}, "checks": [
    {"verdict": "fail", "needed_for": "trace", "title": "reader", "detail": "none"},
    {"verdict": "fail", "needed_for": "debug", "title": "breakpoint", "detail": "lost"}]}'

check "a build without the doctor is no place" \
    "nowhere"$'\t'"$work/bin/glassbox is not built$no_lab" "$(honest_kvm --where)"

doctor_says "$good"
check "an honest host is taken" host "$(honest_kvm --where | cut -f 1)"
check "the doctor is asked for JSON" "doctor --json" "$(<"$work/calls")"
check "the command runs with its arguments" "a b|c|" "$(honest_kvm -- printf '%s|' 'a b' c)"
check "the doctor is asked once" 1 "$(wc -l <"$work/calls")"
status=0
honest_kvm -- sh -c 'exit 7' || status=$?
check "the command's exit status comes back" 7 "$status"

doctor_says "$bad"
check "a host without breakpoints is not, and the reason is the doctor's" \
    "nowhere"$'\t'"glassbox doctor: breakpoint: lost$no_lab" "$(honest_kvm --where)"
status=0
said=$(honest_kvm -- touch "$work/touched") || status=$?
check "without a place the test is skipped" 77 "$status"
check "with the reason" "skipped: glassbox doctor: breakpoint: lost$no_lab" "$said"
check "and the command does not run" no "$([[ -e $work/touched ]] && echo yes || echo no)"
check "in the lab it runs, whatever the doctor says" ran "$(GLASSBOX_IN_LAB=1 honest_kvm -- echo ran)"

doctor_says "no JSON"
check "an unreadable report is no honest host" nowhere "$(honest_kvm --where | cut -f 1)"

status=0
honest_kvm --need miracles -- true 2>/dev/null || status=$?
check "a need that is none is refused" 2 "$status"
exit "$failed"
