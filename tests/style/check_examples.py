# SPDX-License-Identifier: MIT
"""Every kind of device and each word that its option takes is used by an example of docs/devices.md, which tests run."""
import re
import sys

from sources import ROOT, finish

sys.path[:0] = [str(ROOT / "tests/support")]
from expected import examples  # noqa: E402

OPTION = {"console": "virtio-console"}  # of a file in vmm/virtio, where it is not its name
WORD = re.compile(r'(?:VIRTIO_SUBOPTION\(|\.key = )"([a-z-]+)"')
DOCUMENT = "docs/devices.md"

shown = "\n".join(examples((ROOT / DOCUMENT).read_text(encoding="utf-8")))


def words_used(option):
    """What stands behind the option in the examples, without values."""
    used = re.findall(r"--%s[ =](\S+)" % option, shown)
    return {re.split(r"[=:]", word)[0] for value in used for word in value.strip('"').split(",")}


def wanted():
    """(option, word) of all devices; the word is None for the option itself."""
    for path in sorted((ROOT / "vmm/virtio").glob("*.c")):
        text = path.read_text(encoding="utf-8")
        if "struct virtio_kind virtio_kind_" in text:
            option = OPTION.get(path.stem, path.stem)
            yield option, None
            for word in WORD.findall(text):
                yield option, word
    for path in sorted((ROOT / "devices/backend").glob("chardev_*.c")):
        for kind in re.findall(r'\.prefix = "([a-z]+)', path.read_text(encoding="utf-8")):
            yield "(?:virtio-)?console", kind


faults, count = [], 0
for option, word in wanted():
    count += 1
    if word is None and not re.search(r"--%s\b" % option, shown):
        faults.append("%s: no example has --%s" % (DOCUMENT, option))
    elif word is not None and word not in words_used(option):
        faults.append("%s: no example has '%s' in a --%s" % (DOCUMENT, word, option))
if "transport=" not in shown:
    faults.append("%s: no example has a transport of its own for a device" % DOCUMENT)
finish(faults, "the examples of %d options and words of devices" % count)
