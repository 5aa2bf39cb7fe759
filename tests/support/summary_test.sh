#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tests tests/support/summary with JUnit files of a real ctest.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

# check WHAT PATTERN: does a line of `out` match?
check() {
    if grep -qE -- "$2" out; then
        printf 'ok - %s\n' "$1"
    else
        printf 'not ok - %s: nothing matches %s in\n' "$1" "$2"
        sed 's/^/    /' out
        failed=1
    fi
}

# junit NAME: run the tests of the CTestTestfile.cmake on stdin; NAME.xml is what ctest reports.
junit() {
    mkdir "$1"
    cat >"$1/CTestTestfile.cmake"
    ctest --test-dir "$1" --output-junit "$work/$1.xml" >/dev/null 2>&1 || true
}

# summary STATUS CLASS...: its output goes to `out`.
summary() {
    local expected=$1 status=0
    shift
    "$here/summary" rows "$@" >out || status=$?
    if ((status != expected)); then
        printf 'not ok - exit status %d, not %d\n' "$status" "$expected"
        failed=1
    fi
}

row() {
    local IFS=$'\t'
    printf '%s\n' "$*" >>rows
}

junit good <<'END_OF_TESTS'
add_test(good sh -c "echo 'ask the guest'; echo '[  SKIPPED ] asked'")
END_OF_TESTS
junit bad <<'END_OF_TESTS'
add_test(bad sh -c "echo because; exit 1")
add_test(hangs sleep 60)
set_tests_properties(hangs PROPERTIES TIMEOUT 1)
add_test(missing ./nosuchprogram)
END_OF_TESTS
junit idle <<'END_OF_TESTS'
add_test(idle sh -c "echo noise; echo 'skipped: no such device'; exit 77")
set_tests_properties(idle PROPERTIES SKIP_RETURN_CODE 77)
END_OF_TESTS

junit python <<'END_OF_TESTS'
add_test(python sh -c "echo \"test_it (__main__.T.test_it) ... skipped 'not as root'\"")
END_OF_TESTS

row unit dev host 1 python.xml ""
summary 0
check "a part that unittest skipped is listed" "^  python, part test_it \\(dev\\): not as root\$"
rm rows
row unit dev host 1 good.xml ""
summary 0
check "passes are counted" '^1 passed, 0 failed, 1 skipped$'
check "a part that cmocka skipped is listed" '^  good, part asked \(dev\): ask the guest$'
summary 1 guest
check "a class that did not run at all fails" '^FAILED: no test ran of: guest$'
row guest dev host 1 idle.xml ""
summary 1 guest
check "so does one that was skipped" '^FAILED: no test ran of: guest$'
check "a skip is listed with its reason" '^  idle \(dev\): no such device$'
check "and counted" '^1 passed, 0 failed, 2 skipped$'
row guest release lab 1 good.xml ""
summary 1 guest
check "a run of nothing but skips is not made good by another" '^FAILED: no test ran of: guest in the build dev$'
row unit dev host 2 bad.xml ""
echo "the last words" >log
row unit tsan host 2 log "the build failed"
summary 1
check "failures are counted: exit statuses, time-outs, missing programs, builds" '^2 passed, 4 failed, 3 skipped$'
check "and shown with their output" '^    because$'
check "a log stands for what has no results" '^    the last words$'
[[ $(tail -n 1 out) =~ ^[0-9]+\ passed ]] || failed=1
exit "$failed"
