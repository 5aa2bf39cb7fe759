#!/bin/bash
# SPDX-License-Identifier: MIT
# The way of an event from the facade to babeltrace2, and what becomes of sessions and daemons.
#
#	session_test.sh TRACE_EMITTER LIBGLASSBOX_TRACE
#
# Runs in namespaces of its own (/run, /dev/shm, processes), so that it meets no other LTTng of this
# machine, can see what is left behind, and leaves nothing itself.
set -u

emitter=$1
provider=$2
failures=0
kinds=$(grep -c "^	X(" "$(dirname "$0")/../../trace/trace.h")
emitted=$((kinds + 1)) # each once, but exit twice: with a number for its reason, too
TIMEOUT=90 # for one process, in seconds: all of them are bounded by themselves

skip() {
	echo "skipped: $*"
	exit 77
}

if [ -z "${SESSION_TEST_INSIDE-}" ]; then
	for tool in lttng lttng-sessiond babeltrace2 unshare; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
	namespaces=(unshare --mount --pid --fork --mount-proc --kill-child)
	[ "$(id -u)" = 0 ] || namespaces+=(--user --map-root-user)
	"${namespaces[@]}" true 2>/dev/null || skip "cannot make namespaces here (unshare)"
	work=$(mktemp -d) || exit 1
	chmod 755 "$work"
	SESSION_TEST_INSIDE=1 SESSION_TEST_WORK=$work "${namespaces[@]}" "$0" "$@"
	status=$?
	rm -rf "$work"
	exit "$status"
fi

mount -t tmpfs none /run && mount -t tmpfs -o size=1g,mode=1777 none /dev/shm || exit 1
cd "$SESSION_TEST_WORK" || exit 1
unset LTTNG_HOME LTTNG_UST_REGISTER_TIMEOUT LD_PRELOAD

fail() {
	echo "  FAIL: $*"
	failures=$((failures + 1))
}

expect() { # WHAT EXPECTED ACTUAL
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

expect_match() { # WHAT PATTERN FILE
	grep -q -- "$2" "$3" || fail "$1: no '$2' in: $(cat "$3")"
}

emit() {
	timeout "$TIMEOUT" "$emitter" "$@" </dev/null
}

# Of a trace, NAME { FIELDS } a line, without times.
events() {
	babeltrace2 "$1" 2>/dev/null | sed 's/.* glassbox:/glassbox:/; s/ { cpu_id = [0-9]* },//'
}

count() { # DIR EVENT
	events "$1" | grep -c "^glassbox:$2:"
}

our_processes() {
	ps -eo stat=,comm= | awk '$1 !~ /^Z/ && $2 ~ /^(lttng|glassbox-trace)/ { print $2 }'
}

expect_nothing_left() {
	local left=-
	for _ in $(seq 100); do
		left=$(our_processes; ls -d /run/glassbox* /dev/shm/ust-shm* 2>/dev/null)
		[ -z "$left" ] && return
		sleep 0.1
	done
	fail "left behind: $left"
}

wait_for() { # FILE PATTERN
	for _ in $(seq 300); do
		grep -q -- "$2" "$1" 2>/dev/null && return
		sleep 0.1
	done
	fail "no '$2' in $1 in time: $(cat "$1")"
}

# start_waiting NAME ARGS...: an emitter in the background that records until stop_waiting NAME.
start_waiting() {
	local name=$1
	shift
	mkfifo "$name.in"
	(
		# Or this process would hold the standard input of the others open.
		for fd in "${!fd_@}"; do
			eval "exec ${!fd}>&-"
		done
		exec timeout "$TIMEOUT" "$emitter" -w "$@"
	) <"$name.in" >"$name.out" 2>"$name.err" &
	eval "pid_$name=$!"
	eval "exec {fd_$name}>$name.in"
	wait_for "$name.out" started
}

stop_waiting() {
	local fd="fd_$1" pid="pid_$1"
	eval "exec ${!fd}>&-"
	wait "${!pid}"
	unset "$fd" "$pid"
}

test_each_event_arrives_with_its_values() {
	expect "lost" "lost events=0 packets=0 disk_full=0 unfinished=0" "$(emit out | tail -1)"
	cat >expected <<'END'
glassbox:vm_start: { version = "v1.2 \"quoted\"", vcpus = 3, memory = 4886718345, kernel = "/boot/vm linuz", text_slide = 0xFFFFFFFF80000000 }
glassbox:device_map: { device = "uart0", space = ( "pio" : container = 1 ), base = 0x3F8, len = 0x8 }
glassbox:device_register: { device = "uart0", space = ( "mmio" : container = 2 ), addr = 0xFEDCBA9876543210, access = "rw", name = "IER" }
glassbox:exit: { vcpu = 31, seq = 18446744073709551615, reason = ( "KVM_EXIT_MMIO" : container = 6 ), rip = 0xFFFFFFFF81000042, space = ( "mmio" : container = 2 ), addr = 0xD0000004, len = 4, is_write = 1, data = 0xDEADBEEF }
glassbox:entry: { vcpu = 30, seq = 18446744073709551614, device = "virtio0", data = 0x1122334455667788 }
glassbox:exit: { vcpu = 29, seq = 28, reason = ( <unknown> : container = 4294967295 ), rip = 0x1B, space = ( "none" : container = 0 ), addr = 0x1A, len = 25, is_write = 0, data = 0x18 }
glassbox:vcpu_counters: { vcpu = 1, user_exits = 1001, kvm_exits = 1002, kvm_io_exits = 1003, kvm_mmio_exits = 1004, kvm_halt_exits = 1005, kvm_irq_exits = 1006 }
glassbox:stop: { vcpu = 2, reason = ( "watchpoint" : container = 3 ), rip = 0xFFFFFFFF81000099 }
glassbox:resume: { vcpu = 4, step = 1 }
glassbox:serial_rx: { device = "uart1", byte = 0x41 }
glassbox:serial_tx: { device = "uart2", byte = 0xFE }
glassbox:serial_overrun: { device = "uart3", bytes = 77 }
glassbox:irq_line: { device = "uart4", level = 1 }
glassbox:rtc_access: { device = "rtc", index = 0xB, is_write = 1, value = 0x82 }
glassbox:power: { device = "pm", request = "sleep S5", value = 0x2001 }
glassbox:virtio_status: { device = "rng0", old_status = 0x3, new_status = 0xB }
glassbox:virtio_features: { device = "rng1", offered = 0x130000001, accepted = 0x100000001, accepted_ok = 1 }
glassbox:virtio_queue: { device = "rng2", queue = 5, size = 256, desc_area = 0x10000, driver_area = 0x20000, device_area = 0x30000, enabled = 1 }
glassbox:virtio_kick: { device = "rng3", queue = 6, avail = 65535, last_avail = 65534, via = "doorbell" }
glassbox:virtio_desc: { device = "rng4", queue = 7, seq = 18446744073709551613, position = 8, addr = 0x123456789ABC, len = 4294967295, flags = 0x5, next = 9 }
glassbox:virtio_pop: { device = "rng5", queue = 10, head = 11, seq = 12, descriptors = 13, out_len = 14, in_len = 15 }
glassbox:virtio_backend_begin: { device = "blk0", queue = 27, seq = 28, operation = "write", sector = 18446744073709551612, len = 29 }
glassbox:virtio_backend_end: { device = "blk1", queue = 30, seq = 31, error = 5 }
glassbox:vsock_packet: { device = "vsock0", queue = 32, seq = 33, operation = "SHUTDOWN", guest_port = 34, host_port = 35, len = 36, flags = 0x3, buf_alloc = 37, fwd_cnt = 4294967295 }
glassbox:virtio_used: { device = "rng6", queue = 16, head = 17, seq = 18, len = 19, position = 20 }
glassbox:virtio_irq: { device = "rng7", queue = 21, vector = 22, decision = ( "sent" : container = 0 ), used_event = 23 }
glassbox:virtio_ack: { device = "rng8", pending = 0x3, bits = 0x1 }
glassbox:virtio_reset: { device = "rng9", in_flight = 24 }
glassbox:virtio_finding: { device = "rng10", queue = 25, rule = "chain loops", section = "2.7.5.2", detail = 0x1A }
glassbox:vm_stop: { status = 129, cause = "guest panic" }
END
	events out >actual
	diff expected actual || fail "the trace differs"
}

test_a_burst_loses_nothing() {
	expect "lost" "lost events=0 packets=0 disk_full=0 unfinished=0" \
		"$(emit -n 100000 out | tail -1)"
	expect "entries" 100001 "$(count out entry)"
	# Every number once: the sum of 1..100000 (and the one of the single event).
	expect "numbers" 5000050000 "$(events out |
		awk '/^glassbox:entry: { vcpu = 0,/ { sum += $8 } END { printf "%.0f", sum }')"
}

test_losses_are_counted() {
	local lost recorded
	emit -b 16K -n 200000 out >log
	lost=$(sed -n 's/^lost events=\([0-9]*\) .*/\1/p' log)
	recorded=$(events out | wc -l)
	[ "$lost" -gt 0 ] || fail "a ring of 16 KiB lost nothing"
	expect "recorded + lost" $((400000 + emitted)) $((recorded + lost))
}

test_a_directory_in_use_is_refused() {
	mkdir out
	touch out/file
	emit out 2>log && fail "it was taken"
	expect_match "the message" "'out' is not empty" log
	[ -f out/file ] || fail "its file is gone"
}

test_a_second_session_shares_the_daemon() {
	local begin
	start_waiting first out1
	start_waiting second -n 500 out2
	expect "daemons" 1 "$(our_processes | grep -c lttng-sessiond)"
	# A third one that goes at once has nobody to wait for.
	begin=$SECONDS
	expect "third" "lost events=0 packets=0 disk_full=0 unfinished=0" "$(emit out3 | tail -1)"
	[ $((SECONDS - begin)) -lt 6 ] || fail "the third took $((SECONDS - begin)) s"
	# The first has started the daemon, and must leave it to the second.
	stop_waiting first
	expect "daemons" 1 "$(our_processes | grep -c lttng-sessiond)"
	stop_waiting second
	expect_nothing_left
	expect_match "first" "lost events=0 .*unfinished=0" first.out
	expect_match "second" "lost events=0 .*unfinished=0" second.out
	expect "entries of the first" 1 "$(count out1 entry)"
	expect "entries of the second" 501 "$(count out2 entry)"
	expect "traces of the first" 1 "$(find out1 -name metadata | wc -l)"
	expect "traces of the second" 1 "$(find out2 -name metadata | wc -l)"
}

test_a_crash_leaves_a_whole_trace() {
	emit -n 1000 -k out >log 2>&1
	expect_nothing_left
	expect "entries" 1001 "$(count out entry)"
}

test_ctrl_c_and_a_hangup_do_not_end_the_session() {
	start_waiting vm -n 10 out
	for pid in $(pgrep -f glassbox-trace-session); do
		kill -INT "$pid"
		kill -TERM "$pid"
		kill -HUP "$pid"
	done
	stop_waiting vm
	expect_match "the end" "lost events=0 packets=0 disk_full=0 unfinished=0" vm.out
	expect "entries" 11 "$(count out entry)"
}

test_a_daemon_that_dies_is_survived() { # SIGNAL PROCESS MESSAGE
	local begin=$SECONDS
	start_waiting vm -n 10 out
	kill "-$1" "$(pgrep -o "$2")"
	stop_waiting vm
	[ $((SECONDS - begin)) -lt 65 ] || fail "it took $((SECONDS - begin)) s"
	expect_match "the end" "unfinished=1" vm.out
	expect_match "the message" "$3" vm.err
	# A killed helper cannot remove its lock; the next one takes it over.
	[ "$2" = glassbox-trace ] && rm -f /run/glassbox-trace.lock
	expect_nothing_left
}

test_a_full_disk_is_told() {
	mkdir small
	mount -t tmpfs -o size=8m none small
	emit small/out 2>log && fail "a file system of 8 MiB was taken"
	expect_match "the message" "no room for a trace" log
	[ -e small/out ] && fail "the directory was left behind"
	umount small
	mount -t tmpfs -o size=20m none small
	emit -n 300000 small/out >log 2>&1
	expect_match "the end" "disk_full=1" log
	umount small
}

test_a_missing_daemon_is_told() {
	LTTNG_SESSIOND_PATH=/no/such/program emit out 2>log && fail "it started"
	expect_match "the message" "lttng-tools" log
	[ -e out ] && fail "the directory was left behind"
}

test_buffers_that_do_not_fit_are_told() {
	mount -t tmpfs -o size=32k,mode=1777 none /dev/shm
	emit out 2>log && fail "it started"
	umount /dev/shm
	expect_match "the message" "/dev/shm" log
}

start_users_daemon() {
	lttng-sessiond --no-kernel --daemonize >/dev/null 2>&1 || fail "lttng-sessiond does not start"
	users_daemon=$(pgrep -o lttng-sessiond)
}

end_users_daemon() {
	kill "$users_daemon"
}

test_the_users_daemon_is_used_and_left_alone() {
	start_users_daemon
	expect "lost" "lost events=0 packets=0 disk_full=0 unfinished=0" "$(emit out | tail -1)"
	expect "events" "$emitted" "$(events out | wc -l)"
	expect "daemons" "$users_daemon" "$(pgrep -o lttng-sessiond)"
	expect "sessions left" 0 "$(lttng list 2>&1 | grep -c glassbox-)"
	end_users_daemon
}

# own_session DIR: a session of the user that records everything.
own_session() {
	{
		lttng create own --output="$PWD/$1" && lttng enable-channel -u --buffers-pid own &&
			lttng enable-event -u --channel=own 'glassbox:*' && lttng start
	} >log 2>&1 || fail "lttng: $(cat log)"
}

test_sessions_of_the_user_record() {
	start_users_daemon
	own_session own1
	emit -p unused >/dev/null
	lttng destroy own >/dev/null
	expect "events, provider asked for" "$emitted" "$(events own1 | wc -l)"
	own_session own2
	# The session daemon and the helper of the second session must not be traced.
	# (AddressSanitizer wants to be preloaded itself.)
	timeout "$TIMEOUT" env ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$provider" \
		"$emitter" out2 </dev/null >/dev/null
	lttng destroy own >/dev/null
	expect "events, preloaded" "$emitted" "$(events own2 | wc -l)"
	expect "events, preloaded, in our session" "$emitted" "$(events out2 | wc -l)"
	expect "traced processes" 1 "$(find own2 -name metadata | wc -l)"
	end_users_daemon
}

test_levels_and_filters_choose() {
	start_users_daemon
	{
		lttng create own --output="$PWD/own" && lttng enable-channel -u --buffers-pid own &&
			lttng enable-event -u -c own 'glassbox:*' --loglevel=INFO &&
			lttng enable-event -u -c own glassbox:exit \
				--filter 'reason == 6 && addr >= 0xd0000000' && lttng start
	} >log 2>&1 || fail "lttng: $(cat log)"
	emit -n 10 -p unused >/dev/null
	lttng destroy own >/dev/null
	end_users_daemon
	expect "events" "device_map device_register exit power resume serial_overrun stop vcpu_counters virtio_features virtio_finding virtio_queue virtio_reset virtio_status vm_start vm_stop" \
		"$(events own | sed 's/^glassbox:\([a-z_]*\):.*/\1/' | sort | xargs)"
}

test_lttng_lists_the_documented_fields() {
	local line event=
	start_users_daemon
	start_waiting vm -p unused
	lttng list --userspace --fields >fields
	stop_waiting vm
	end_users_daemon
	expect "events" "$kinds" "$(grep -c '^ *glassbox:' fields)"
	while read -r line; do
		case $line in
		field:*) echo "$event $(echo "$line" | awk '{ print $2 }')" ;;
		*:*) event=${line%% *} ;;
		esac
	done <fields | sed -n 's/^glassbox://p' | sort >listed
	events "$SESSION_TEST_WORK/values" >values
	sed -n 's/^glassbox:\([a-z_]*\): { \(.*\) }$/\1 \2/p' values | awk '{
		event = $1; line = $0; gsub(/"[^"]*"/, "", line); gsub(/\([^)]*\)/, "", line)
		n = split(line, word, " ")
		for (i = 2; i < n; i++) if (word[i + 1] == "=") print event, word[i] }' |
		sort -u >seen
	diff listed seen || fail "lttng lists other fields than the trace has"
}

test_another_user_with_lttng_home() {
	local as=(setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent)
	if ! "${as[@]}" test -x "$emitter" 2>/dev/null; then
		echo "  not tested: another user cannot run $emitter from here"
		return
	fi
	mkdir -m 777 other
	cd other || return
	timeout "$TIMEOUT" "${as[@]}" "$emitter" out </dev/null 2>log && fail "a home that is not there"
	expect_match "the message" "set LTTNG_HOME" log
	timeout "$TIMEOUT" "${as[@]}" LTTNG_HOME="$PWD" "$emitter" out </dev/null >log 2>&1
	expect_match "the end" "lost events=0 packets=0 disk_full=0 unfinished=0" log
	expect "events" "$emitted" "$(events out | wc -l)"
	[ -e .lttng ] && fail ".lttng was left behind"
	cd ..
}

run() {
	local name=$1
	echo "$*" | sed 's/^test_//; s/_/ /g'
	mkdir "$SESSION_TEST_WORK/case" && cd "$SESSION_TEST_WORK/case" || exit 1
	"$@"
	expect_nothing_left
	[ "$name" = test_each_event_arrives_with_its_values ] && mv out "$SESSION_TEST_WORK/values"
	cd "$SESSION_TEST_WORK" && rm -rf case
}

run test_each_event_arrives_with_its_values
run test_a_burst_loses_nothing
run test_losses_are_counted
run test_a_directory_in_use_is_refused
run test_a_second_session_shares_the_daemon
run test_a_crash_leaves_a_whole_trace
run test_ctrl_c_and_a_hangup_do_not_end_the_session
run test_a_daemon_that_dies_is_survived KILL lttng-sessiond "end of the trace may be missing"
run test_a_daemon_that_dies_is_survived KILL lttng-consumerd "end of the trace may be missing"
run test_a_daemon_that_dies_is_survived KILL glassbox-trace "died while it recorded"
run test_a_daemon_that_dies_is_survived STOP lttng-sessiond "end of the trace may be missing"
run test_a_full_disk_is_told
run test_a_missing_daemon_is_told
run test_buffers_that_do_not_fit_are_told
run test_the_users_daemon_is_used_and_left_alone
run test_sessions_of_the_user_record
run test_levels_and_filters_choose
run test_lttng_lists_the_documented_fields
run test_another_user_with_lttng_home
[ "$failures" -eq 0 ] || {
	echo "$failures failures"
	exit 1
}
