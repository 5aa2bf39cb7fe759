# SPDX-License-Identifier: MIT
"""
The arrows point down: base <- trace <- devices, gdbstub <- vmm. And what a library is for one
folder to know, no other includes: KVM, LTTng, Babeltrace.
"""
import re

from sources import finish, lines_of, of_language

# What the files of a folder may include. tools/ holds programs of their own.
ALLOWED = {
    "base": {"base"},
    "trace": {"base", "trace"},
    "devices": {"base", "trace", "devices"},
    "gdbstub": {"base", "trace", "gdbstub"},
    "vmm": {"base", "trace", "devices", "gdbstub", "vmm"},
    "tools": {"base", "trace", "tools"},
    "tools/bench": {"base", "trace", "devices", "gdbstub", "vmm", "tools", "tests"},
}

# System headers that only some files may include: the header, who may, what it is.
GUARDED = (
    # Traces and reports name exits by KVM's numbers.
    (r"linux/kvm(_para)?\.h|asm/kvm.*", r"vmm/|trace/events\.h|tools/|tests/", "KVM's interface"),
    (r"lttng/.*", r"trace/(provider|events|session_)|tests/trace/", "LTTng"),
    (r"babeltrace2/.*", r"tools/trace/|tests/", "Babeltrace"),
)

# What a build makes, beside the objects of the folder.
GENERATED = (".hex",)

# The only file that talks to KVM.
KVM_IOCTLS = "vmm/kvm.c"


def faults_of(path):
    folder, text = path.parts[0], "\n".join(lines_of(path))
    if str(path).startswith("tools/bench/"):
        folder = "tools/bench"
    for match in re.finditer(r'^#\s*include\s+(["<])([^">]+)[">]', text, re.MULTILINE):
        place = "%s:%d" % (path, text.count("\n", 0, match.start()) + 1)
        kind, name = match[1], match[2]
        if kind == '"' and folder in ALLOWED:
            target = name.split("/")[0]
            if "/" not in name and not name.endswith(GENERATED):
                yield '%s: "%s" is not a path from the root of the repository' % (place, name)
            elif "/" in name and target not in ALLOWED[folder]:
                yield '%s: %s/ must not know "%s"' % (place, folder, name)
        for header, users, what in GUARDED:
            if re.fullmatch(header, name) and not re.match(users, str(path)):
                yield "%s: <%s>: %s is not for this file to know" % (place, name, what)
    if folder in ALLOWED and str(path) != KVM_IOCTLS:
        for match in re.finditer(r"\bioctl\s*\([^;]*\bKVM_", text):
            yield "%s:%d: an ioctl of KVM outside %s" % (
                path, text.count("\n", 0, match.start()) + 1, KVM_IOCTLS)


sources = of_language("c")
finish([fault for path in sources for fault in faults_of(path)], "the includes of %d files" % len(sources))
