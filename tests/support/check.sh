# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For a test in bash to source: compares, and prints one line a check. It ends with `exit "$failed"`.

# shellcheck disable=SC2034 # the test's exit status
failed=0

# check WHAT EXPECTED ACTUAL
check() {
    if [[ $2 == "$3" ]]; then
        printf 'ok - %s\n' "$1"
    else
        printf 'not ok - %s\n  expected: %q\n  got:      %q\n' "$1" "$2" "$3"
        failed=1
    fi
}
