# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every tool here shares: messages, progress, the cache and its lock. To be sourced by bash
# under `set -euo pipefail`.

# The name in front of messages; a tool may set its own before sourcing this.
: "${tool_name:=${0##*/}}"

# Where everything lives that costs time or network to make again.
# shellcheck disable=SC2034 # for those who source this
cache_dir=${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/glassbox

# Say something on stderr, with the tool's name.
info() {
    printf '%s: %s\n' "$tool_name" "$*" >&2
}

# Say what went wrong and leave with status 1, or the status in DIE_STATUS.
die() {
    if [[ -t 2 ]]; then
        printf '\e[31m%s: %s\e[m\n' "$tool_name" "$*" >&2
    else
        printf '%s: %s\n' "$tool_name" "$*" >&2
    fi
    exit "${DIE_STATUS:-1}"
}

# progress_watch MESSAGE: on a terminal and after two seconds, show that time goes by.
# Runs until it is killed.
progress_watch() {
    local message=$1 started=$SECONDS
    trap 'printf "\r\e[K" >&2; exit 0' TERM
    sleep 2 &
    wait $! || true
    while :; do
        printf '\r\e[K%s: %s… %d s' "$tool_name" "$message" $((SECONDS - started)) >&2
        sleep 1 &
        wait $! || true
    done
}

# progress_run MESSAGE COMMAND...: run a command that says too much for a user's eyes. Its output
# is shown, the last lines of it, only if it fails; its exit status is returned.
progress_run() {
    local message=$1 log status=0 watcher=
    shift
    log=$(mktemp)
    if [[ -t 2 ]]; then
        progress_watch "$message" &
        watcher=$!
    fi
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [[ -n $watcher ]]; then
        kill "$watcher" 2>/dev/null || true
        wait "$watcher" 2>/dev/null || true
    fi
    if ((status != 0)); then
        info "$message: failed (exit status $status). The last lines it printed:"
        tail -n 20 "$log" | sed 's/^/    /' >&2
    fi
    rm -f "$log"
    return "$status"
}

# end_group GROUP: end a group of processes, those that do not go within 10 s by force.
end_group() {
    local try
    kill -TERM -- "-$1" 2>/dev/null || return 0
    for ((try = 0; try < 100; try++)); do
        kill -0 -- "-$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL -- "-$1" 2>/dev/null || true
}

# need COMMAND...: die unless all these programs are there.
need() {
    local program
    for program; do
        command -v "$program" >/dev/null || die "$program is needed, but not installed"
    done
}

# cache_locked NAME COMMAND...: run a command (a function, as a rule) in a subshell while holding
# the cache's lock NAME, so that two runs that fill the cache do not do the same work twice.
cache_locked() {
    local name=$1
    shift
    mkdir -p "$cache_dir"
    (
        if ! flock --nonblock 9; then
            info "waiting for another run that fills the cache ($name)"
            flock 9
        fi
        # A program that outlives us must not inherit the lock.
        "$@" 9>&-
    ) 9>"$cache_dir/$name.lock"
}

# cache_scratch VARIABLE: make a directory on the cache's file system, to build something in that
# is then renamed into place; so what stands in the cache is always whole. It is removed when the
# shell that called this ends; what runs that were killed have left is removed by the next one.
cache_scratch() {
    local -n ret_scratch=$1
    local old
    mkdir -p "$cache_dir/scratch"
    for old in "$cache_dir"/scratch/*; do
        if [[ -d $old && ! -d /proc/${old##*/} && -n $(find "$old" -maxdepth 0 -mmin +60) ]]; then
            rm -rf "$old"
        fi
    done
    ret_scratch=$cache_dir/scratch/$BASHPID
    rm -rf "$ret_scratch"
    mkdir "$ret_scratch"
    # shellcheck disable=SC2064 # the name as it is now
    trap "rm -rf '$ret_scratch'" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# younger_than MINUTES FILE: is the file there, and younger? Of a symbolic link, its own age counts.
younger_than() {
    [[ -e $2 && -n $(find "$2" -maxdepth 0 -mmin "-$1") ]]
}

# Print the newest of the Debian versions on stdin, one a line; nothing if there is none.
newest_version() {
    local version best=
    while read -r version; do
        if [[ -z $best ]] || dpkg --compare-versions "$version" gt "$best"; then
            best=$version
        fi
    done
    printf '%s' "$best"
}
