# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Which of the Debian packages in tools/packages are missing, and how to get them. To be sourced
# after common.sh.

packages_file=$(dirname "${BASH_SOURCE[0]}")/../packages

# packages_in GROUP...: print the groups' packages, sorted, each once.
packages_in() {
    local group
    for group; do
        grep -qE "^\[$group\]" "$packages_file" || die "$packages_file has no group '$group'"
    done
    awk -v wanted=" $* " '
        { sub(/#.*/, "") }
        /^\[/ { gsub(/[][ \t]/, ""); take = index(wanted, " " $0 " "); next }
        take && NF { print $1 }' "$packages_file" | sort -u
}

# packages_missing GROUP...: print those of the groups' packages that are not installed.
packages_missing() {
    local -a names
    mapfile -t names < <(packages_in "$@")
    # dpkg-query says "not found" on stderr, and exits with 1, for packages it has never met.
    comm -23 <(printf '%s\n' "${names[@]}") <(
        dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "${names[@]}" \
            2>/dev/null | sed -n 's/^installed //p' | sort -u || true
    )
}

# packages_install GROUP...: install what is missing; if nothing is, do nothing and need no
# privileges. Returns 1, after saying what to install, if it cannot.
packages_install() {
    local -a missing as_root=()
    # In a process substitution die() would go unseen: check the names here, too.
    packages_in "$@" >/dev/null
    mapfile -t missing < <(packages_missing "$@")
    ((${#missing[@]} > 0)) || return 0
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            info "packages are missing; as root, run: apt-get install --no-install-recommends ${missing[*]}"
            return 1
        fi
        as_root=(sudo)
    fi
    info "installing ${#missing[@]} packages: ${missing[*]}"
    local -a apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq
        -o "DPkg::Lock::Timeout=300" -o "Dpkg::Use-Pty=0")
    # The package lists may be old or, in a fresh container, missing: read them anew, but only then.
    if ! "${apt[@]}" install --no-install-recommends -y --download-only "${missing[@]}" &>/dev/null; then
        progress_run "reading the package lists" "${apt[@]}" update || return 1
    fi
    progress_run "installing packages" "${apt[@]}" install --no-install-recommends -y "${missing[@]}"
}
