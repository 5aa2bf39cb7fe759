#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What tools/mkinitramfs promises about the archives it makes, without booting one. Needs
# busybox-static. Prints one line a check; exit status 1 if one failed.
set -euo pipefail

make=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../tools" && pwd)/mkinitramfs
# shellcheck source=tests/support/check.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/check.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# contents ARCHIVE NAME: print one file of an archive that is not compressed.
contents() {
    busybox cpio -i --to-stdout "$2" 2>/dev/null <"$1"
}

# A module is to us a file with a "depends" between two zero bytes.
mkdir -p tree/kernel/a tree/kernel/b
printf 'top\0depends=mid-dle,other\0' >tree/kernel/a/top.ko
printf 'middle\0depends=deep\0' >tree/kernel/b/mid_dle.ko
printf 'deep\0depends=\0' >tree/kernel/b/deep.ko
printf 'other\0depends=deep,builtin\0' | gzip >tree/kernel/b/other.ko.gz
printf 'kernel/builtin.ko\n' >tree/modules.builtin
printf 'payload\n' >payload
printf '#!/bin/sh\n' >init
chmod +x payload

options=(--module-dir tree --module top builtin --file payload:/usr/share/x/payload --init init)
"$make" -o plain.img --compress none "${options[@]}"
"$make" -o again.img --compress none "${options[@]}"
"$make" -o packed.img "${options[@]}"
check "the same input gives the same bytes" "$(sha256sum <plain.img)" "$(sha256sum <again.img)"
check "the compressed archive is the same" "$(sha256sum <plain.img)" "$(gzip -dc packed.img | sha256sum)"
check "modules come in load order, each once, without what is built in" \
    "/lib/modules/deep.ko /lib/modules/mid_dle.ko /lib/modules/other.ko /lib/modules/top.ko" \
    "$(contents plain.img modules | xargs)"
check "a compressed module is unpacked" "other" "$(contents plain.img lib/modules/other.ko | head -c 5)"
check "files arrive, with the directories above them" "payload" "$(contents plain.img usr/share/x/payload)"
check "init is the one that was given" "#!/bin/sh" "$(contents plain.img init)"
listing=$(busybox cpio -tv <plain.img 2>/dev/null)
# Of the header, what stands right before the name: the device's major and minor, the name's length, 0.
check "the console's device node is there" "0000000500000001" \
    "$(grep -aoE '[0-9A-F]{32}dev/console' plain.img | head -c 16)"
check "an executable file stays one" 1 "$(grep -cE '^-rwxr-xr-x .*payload$' <<<"$listing")"
check "busybox has its applets" 1 "$(grep -cE '^lrwx.* bin/mount -> busybox$' <<<"$listing")"

# fails MESSAGE OPTION...
fails() {
    local message=$1 status=0
    shift
    "$make" -o bad.img "$@" 2>err || status=$?
    check "refuses: $message" "1 yes no" \
        "$status $(grep -qF "$message" err && echo yes) $([[ -e bad.img ]] && echo yes || echo no)"
}
fails "no module nosuch" --module-dir tree --module nosuch
fails "expected SOURCE:TARGET" --file payload
fails "No such file" --file nosuch:/x
fails "twice" --file payload:/x payload:/x
exit "$failed"
