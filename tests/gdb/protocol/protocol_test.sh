#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs session.gdb in a real gdb against the machine given as the first argument, and compares what gdb says with
# session.expected, in which a line "~REGEX" stands for any line that matches.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
machine=$1

if ! command -v gdb >/dev/null; then
	echo "gdb is not installed"
	exit 77
fi

scratch=$(mktemp -d "${GLASSBOX_BUILD_DIR:-$PWD}/gdb-protocol.XXXXXX")
machine_pid=
trap 'test -z "$machine_pid" || kill "$machine_pid" 2>/dev/null || true; rm -rf "$scratch"' EXIT

cd "$scratch"
"$machine" unix:gdb.socket >machine.out &
machine_pid=$!
tries=0
while ! test -S gdb.socket; do
	tries=$((tries + 1))
	if test $tries -gt 100; then
		echo "the machine does not listen"
		exit 1
	fi
	sleep 0.1
done

status=0
timeout 60 gdb -nx -batch -x "$here/session.gdb" >gdb.out 2>&1 </dev/null || status=$?
if test $status -ne 0; then
	cat gdb.out
	echo "gdb ended with status $status"
	exit 1
fi

# The guest's end is the machine's.
wait "$machine_pid" || status=$?
machine_pid=
if test $status -ne 0; then
	echo "the machine ended with status $status"
	exit 1
fi

awk -v expected="$here/session.expected" '
	{ got[NR] = $0 }
	END {
		while ((getline line < expected) > 0) {
			n++
			if (line ~ /^~/ ? got[n] !~ ("^" substr(line, 2) "$") : got[n] != line) {
				printf "line %d: got  \"%s\"\n         wanted \"%s\"\n", n, got[n], line
				failed = 1
			}
		}
		if (n != NR) {
			printf "gdb printed %d lines, not %d\n", NR, n
			failed = 1
		}
		exit failed
	}' gdb.out || { cat gdb.out; exit 1; }
