#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Who does not trace needs no LTTng: what `glassbox` links, and what it says where LTTng is missing.
#
#	no_lttng_test.sh GLASSBOX with|without
#
# `without`: GLASSBOX was built without LTTng. Missing libraries are missing in a mount namespace alone.
set -u

glassbox=$1
built=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
failures=0
unwanted='liblttng|liburcu|libbabeltrace'

fail() {
	echo "FAIL: $*"
	failures=$((failures + 1))
}

# run ARGS...: sets `status`, and `said` to what it wrote to stderr.
run() {
	said=$(timeout 60 "$glassbox" "$@" 2>&1 >/dev/null </dev/null)
	status=$?
}

# expect_refusal PATTERN ARGS...: one line, and nothing left behind.
expect_refusal() {
	local pattern=$1
	shift
	run "$@"
	[ "$status" = 1 ] || fail "$*: status $status"
	[ "$(echo "$said" | wc -l)" = 1 ] || fail "$*: not one line: $said"
	[[ $said =~ ^glassbox:\ .*$pattern ]] || fail "$*: no '$pattern' in: $said"
	[ ! -e "$work/out" ] || fail "$*: the trace's directory was left behind"
}

expect_start() {
	run --version
	[ "$status" = 0 ] || fail "it does not start: $said"
}

test_links_no_lttng() {
	local linked
	linked=$(readelf -d "$glassbox" | grep -E "NEEDED.*($unwanted)")
	[ -z "$linked" ] || fail "linked: $linked"
	linked=$(ldd "$glassbox" | grep -E "$unwanted")
	[ -z "$linked" ] || fail "linked by its libraries: $linked"
}

# Hide libraries from this process and its children. LIBRARY is how the file's name begins.
hide() { # LIBRARY...
	local library file directories
	directories=$(ldconfig -p | sed -n "s|.* => \(/.*\)/lib[^/]*\$|\1|p" | sort -u)
	for library in "$@"; do
		for file in $(printf '%s\n' "$directories" | sed "s|\$|/$library.so*|"); do
			# An empty file is no library, and what ld.so cannot read is as good as missing.
			[ ! -f "$file" ] || mount --bind /dev/null "$(realpath "$file")" 2>/dev/null ||
				fail "cannot hide $file"
		done
	done
}

# In the namespace: which libraries are hidden, and what a refusal then says.
test_names_the_package_of() { # PACKAGE ARGS... -- LIBRARY...
	local package=$1 arguments=()
	shift
	while [ "$1" != -- ]; do
		arguments+=("$1")
		shift
	done
	shift
	hide "$@"
	expect_start
	expect_refusal "$package" run --kernel "$work/kernel" "${arguments[@]}"
}

if [ "${NO_LTTNG_INSIDE-}" ]; then
	work=$NO_LTTNG_INSIDE
	shift 2
	"$@"
	exit "$failures"
fi

# inside TEST ARGS...
inside() {
	NO_LTTNG_INSIDE=$work "${namespace[@]}" "$0" "$glassbox" "$built" "$@" || failures=$((failures + 1))
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
# The trace starts last, so there has to be a machine that could run.
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/../guest python3 -c '
import pathlib, sys, run_kernel
run_kernel.assemble(pathlib.Path(sys.argv[1]), "cli\n hlt\n")' "$work" || exit 1
namespace=(unshare --mount)
[ "$(id -u)" = 0 ] || namespace+=(--user --map-root-user)

test_links_no_lttng
expect_start
if [ "$built" = without ]; then
	expect_refusal "built without LTTng" run --kernel "$work/kernel" --trace "$work/out"
	expect_refusal "built without LTTng" run --kernel "$work/kernel" --trace-provider
elif "${namespace[@]}" true 2>/dev/null; then
	inside test_names_the_package_of liblttng-ctl0 --trace "$work/out" -- liblttng-ctl
	inside test_names_the_package_of liblttng-ust1 --trace-provider -- liblttng-ust liblttng-ust-common \
		liblttng-ust-tracepoint
	inside test_names_the_package_of liblttng-ctl0 --trace "$work/out" -- liblttng-ctl liblttng-ust \
		liblttng-ust-common liblttng-ust-tracepoint liburcu
else
	echo "not tested: no mount namespace can be made here"
fi
[ "$failures" -eq 0 ] || exit 1
