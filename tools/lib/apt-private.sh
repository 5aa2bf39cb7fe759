# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# A private apt: the machine's own Debian sources, plus their source packages and backports, with
# its lists in our cache. So `apt-get download` and `apt-get source` work for any user, and the
# system's configuration stays as it is. To be sourced after common.sh.

# shellcheck disable=SC2154 # cache_dir comes from common.sh
apt_private_dir=$cache_dir/apt
# Package lists younger than this many days are good enough.
apt_private_days=7

# Print the code name of the Debian release that this machine runs.
apt_private_codename() {
    local codename
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && [[ $ID == debian ]] && printf '%s' "${VERSION_CODENAME:-}") ||
        die "this is not Debian; the tools that fetch Debian's packages need Debian"
    [[ -n $codename ]] || die "/etc/os-release names no Debian release"
    printf '%s' "$codename"
}

# apt_private_from_deb822 CODENAME BACKPORTS FILE...: print the Debian stanzas of .sources files,
# with deb-src added, and BACKPORTS (a suite's name or nothing) beside the main suite.
apt_private_from_deb822() {
    local codename=$1 backports=$2
    shift 2
    awk -v codename="$codename" -v backports="$backports" '
        # Is this suite one of Debian itself?
        function ours(suite) {
            return suite == codename ||
                suite ~ ("^" codename "-(updates|security|backports|proposed-updates)$")
        }
        function flush_stanza(    i, n, words, suites, field) {
            suites = ""
            n = split(suite_line, words, " ")
            for (i = 1; i <= n; i++)
                if (ours(words[i])) {
                    suites = suites " " words[i]
                    if (words[i] == codename && backports && index(" " suite_line " ", " " backports " ") == 0)
                        suites = suites " " backports
                }
            if (suites && types ~ /(^| )deb( |$)/ && enabled && components ~ /(^| )main( |$)/)
                printf "Types: deb deb-src\nSuites:%s\nComponents: main\n%s\n", suites, rest
            types = suite_line = components = rest = last = ""
            enabled = 1
        }
        BEGIN { enabled = 1 }
        FNR == 1 && NR > 1 { flush_stanza() }
        /^#/ { next }
        /^[ \t]*$/ { flush_stanza(); next }
        /^[ \t]/ {      # a line that continues the field before it
            if (last == "suites") suite_line = suite_line " " $0
            else if (last == "types") types = types " " $0
            else if (last == "components") components = components " " $0
            else rest = rest $0 "\n"
            next
        }
        {
            last = tolower($0); sub(/:.*/, "", last)
            value = $0; sub(/^[^:]*:[ \t]*/, "", value)
            if (last == "types") types = value
            else if (last == "suites") suite_line = value
            else if (last == "components") components = value
            else if (last == "enabled") enabled = (tolower(value) !~ /^(no|false|0)/)
            else rest = rest $0 "\n"
        }
        END { flush_stanza() }' "$@"
}

# apt_private_from_list CODENAME BACKPORTS FILE...: the same for one-line .list files.
apt_private_from_list() {
    local codename=$1 backports=$2
    shift 2
    awk -v codename="$codename" -v backports="$backports" '
        { sub(/#.*/, "") }
        $1 == "deb" {
            at = 2
            options = ""
            if ($2 ~ /^\[/) {
                while (at <= NF && $at !~ /\]$/) options = options $(at++) " "
                options = options $(at++) " "
            }
            uri = $at
            suite = $(at + 1)
            if (suite != codename &&
                suite !~ ("^" codename "-(updates|security|backports|proposed-updates)$"))
                next
            main = 0
            for (i = at + 2; i <= NF; i++) if ($i == "main") main = 1
            if (!main) next
            print "deb " options uri " " suite " main"
            print "deb-src " options uri " " suite " main"
            if (suite == codename && backports) {
                print "deb " options uri " " backports " main"
                print "deb-src " options uri " " backports " main"
            }
        }' "$@"
}

# apt_private_configure BACKPORTS: write the private configuration.
apt_private_configure() {
    local backports=$1 codename
    local -a deb822=() lists=()
    codename=$(apt_private_codename)
    shopt -s nullglob
    deb822=(/etc/apt/sources.list.d/*.sources)
    lists=(/etc/apt/sources.list.d/*.list)
    shopt -u nullglob
    [[ ! -e /etc/apt/sources.list ]] || lists+=(/etc/apt/sources.list)
    mkdir -p "$apt_private_dir"/{parts,state/lists/partial,cache/archives/partial}
    rm -f "$apt_private_dir"/parts/*
    if ((${#deb822[@]} > 0)); then
        apt_private_from_deb822 "$codename" "$backports" "${deb822[@]}" >"$apt_private_dir/parts/debian.sources"
    fi
    if ((${#lists[@]} > 0)); then
        apt_private_from_list "$codename" "$backports" "${lists[@]}" >"$apt_private_dir/parts/debian.list"
    fi
    [[ -n $(cat "$apt_private_dir"/parts/*) ]] ||
        die "no source of Debian $codename's main archive in /etc/apt/sources.list or /etc/apt/sources.list.d"
    # The hooks cleared are for the system's lists and archives (containers delete them there).
    cat >"$apt_private_dir/apt.conf.new" <<-END
	#clear APT::Update::Pre-Invoke;
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	#clear DPkg::Post-Invoke;
	Dir::State "$apt_private_dir/state";
	Dir::Cache "$apt_private_dir/cache";
	Dir::Cache::pkgcache "pkgcache.bin";
	Dir::Cache::srcpkgcache "srcpkgcache.bin";
	Dir::Etc::sourcelist "/dev/null";
	Dir::Etc::sourceparts "$apt_private_dir/parts";
	Acquire::Languages "none";
	Acquire::Retries "3";
	APT::Sandbox::User "root";
	END
    mv "$apt_private_dir/apt.conf.new" "$apt_private_dir/apt.conf"
}

# apt_private PROGRAM ARGUMENT...: run apt-get or apt-cache with the private configuration.
apt_private() {
    local program=$1
    shift
    "$program" --config-file "$apt_private_dir/apt.conf" "$@"
}

# By itself, apt takes a server that does not answer for a success.
apt_private_read_lists() {
    apt_private apt-get -qq -o Acquire::Retries=1 --error-on=any update &>"$apt_private_dir/update.log"
}

# Make the private package lists anew. Returns 1, and leaves the old ones, if that is impossible
# (no network, as a rule). The caller holds the cache's lock `apt`.
apt_private_update() {
    local codename
    codename=$(apt_private_codename)
    apt_private_configure "$codename-backports"
    if ! apt_private_read_lists; then
        # A mirror need not carry the backports: if they are what fails, do without.
        apt_private_configure ""
        if ! apt_private_read_lists; then
            apt_private_configure "$codename-backports"
            return 1
        fi
    fi
    touch "$apt_private_dir/fresh"
}

# apt_private_refresh [MINUTES]: have package lists younger than that (default: apt_private_days).
# Returns 1 if there are none, or just older ones and no network: whoever has what he needs in the
# cache goes on with that. Before a download, ask for an hour: superseded packages are taken away.
apt_private_refresh() {
    local minutes=${1:-$((apt_private_days * 24 * 60))}
    younger_than "$minutes" "$apt_private_dir/fresh" && return 0
    cache_locked apt apt_private_refresh_locked "$minutes"
}

apt_private_refresh_locked() {
    # Whoever held the lock before us may have done it.
    younger_than "$1" "$apt_private_dir/fresh" && return 0
    apt_private_update
}

# Are there any lists, however old?
apt_private_has_lists() {
    [[ -e $apt_private_dir/fresh ]]
}

# Print the reason why the last refresh failed, in one line.
apt_private_failure() {
    grep -m 1 '^[EW]:' "$apt_private_dir/update.log" 2>/dev/null || echo "no reason given"
}
