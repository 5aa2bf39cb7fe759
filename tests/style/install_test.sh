#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What is installed works from where it was installed: programs start and find what they load,
# documents are where man and bash look for them. Usage: install_test.sh BUILD-DIRECTORY
# shellcheck disable=SC2317 # check() calls the functions
set -euo pipefail

build=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
prefix=$(mktemp -d "$build/install-test.XXXXXX")
trap 'rm -rf "$prefix"' EXIT
failed=0

# check WHAT COMMAND...
check() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok - %s\n' "$what"
    else
        printf 'not ok - %s: %s\n%s\n' "$what" "$*" "$output"
        failed=1
    fi
}

# cached VARIABLE: what the build was configured with.
cached() {
    sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"
}

# says PATTERN COMMAND...: does what the command prints match?
says() {
    local pattern=$1
    shift
    "$@" 2>&1 | grep -E -- "$pattern" >/dev/null
}

nothing_outside() {
    ! grep -v "^$prefix/" "$build/install_manifest.txt"
}

same_names() {
    diff <(find "$1" -maxdepth 1 -type f ! -name CMakeLists.txt -printf '%f\n' | sort) \
        <(find "$2" -mindepth 1 -type f -printf '%f\n' | sort)
}

cmake --install "$build" --prefix "$prefix" >"$prefix.log" || {
    cat "$prefix.log"
    exit 1
}
rm -f "$prefix.log"
libdir=$prefix/$(cached CMAKE_INSTALL_LIBDIR)
check "everything is below the prefix" nothing_outside
check "glassbox starts" says '^glassbox [0-9]+\.[0-9]' "$prefix/bin/glassbox" --version
check "the guest program of --rootfs-share is there" test -x "$libdir/glassbox/glassbox-rootfs-init"
check "glassbox doctor is there" says '--json' "$prefix/bin/glassbox" doctor --help
if [[ $(cached GLASSBOX_LTTNG) == ON ]]; then
    check "glassbox-trace starts" says '^Usage: glassbox-trace' "$prefix/bin/glassbox-trace" --help
    check "the provider is beside its helper" test -e "$libdir/glassbox/libglassbox-trace.so" \
        -a -x "$libdir/glassbox/glassbox-trace-session"
    check "babeltrace2 loads the plugin" says '^glassbox:' env \
        "BABELTRACE_PLUGIN_PATH=$libdir/babeltrace2/plugins" babeltrace2 list-plugins
fi
check "the manual pages are there" same_names "$root/docs/man" "$prefix/share/man"
check "the completions are there" same_names "$root/docs/completion" "$prefix/share/bash-completion/completions"
exit "$failed"
