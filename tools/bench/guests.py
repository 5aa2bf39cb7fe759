# SPDX-License-Identifier: MIT
"""The guests of the benchmarks: a few instructions each.

They run in 64-bit mode, as a Linux kernel is entered, and unchanged in 32-bit mode, in which QEMU
enters an ELF file by its PVH note: every instruction means the same in both. The note that says
Linux makes Glassbox take the 64-bit entry.
"""

from common import Skipped
import run_kernel

OUT_PORT = 0xe0  # nobody's

NOTES = """
        .section .note.kernel, "a", @note
        .long   4, 4, 18                # XEN_ELFNOTE_PHYS32_ENTRY: for QEMU
        .asciz  "Xen"
        .long   _start
        .long   6, 4, 0x100             # Linux's own owner: for Glassbox
        .asciz  "Linux"
        .balign 4
        .long   0
        .text
"""

HALT = """
        cli
1:      hlt
        jmp     1b
"""

# "B", so many accesses to a port that no device has, "E".
OUTS = """
        mov     $SERIAL, %%edx
        mov     $'B', %%al
        out     %%al, %%dx
        mov     $%(count)d, %%ecx
        mov     $%(port)#x, %%edx
1:      out     %%al, %%dx
        dec     %%ecx
        jnz     1b
        mov     $SERIAL, %%edx
        mov     $'E', %%al
        out     %%al, %%dx
"""

# A loop of two instructions that takes SPIN_STEPS steps, over and over.
SPIN_STEPS = 2000
SPIN_LOOP = run_kernel.LOAD_ADDRESS + 5
SPIN_END = SPIN_LOOP + 4
SPIN = """
1:      mov     $%d, %%ecx
2:      dec     %%ecx
        jnz     2b
        jmp     1b
""" % (SPIN_STEPS // 2)


def _assemble(directory, code, name):
    try:
        return run_kernel.assemble(directory, code + NOTES, name)
    except FileNotFoundError as error:
        raise Skipped("%s is not installed (Debian: binutils)" % error.filename) from error


def halt(directory):
    """A guest that sleeps for ever."""
    return _assemble(directory, HALT, "halt")


def outs(directory, count):
    """A guest that writes to a port nobody has, and then sleeps for ever."""
    return _assemble(directory, OUTS % {"count": count, "port": OUT_PORT}, "outs")


def spin(directory):
    """A guest to be stepped: SPIN_STEPS steps in [SPIN_LOOP, SPIN_END), then two elsewhere."""
    return _assemble(directory, SPIN, "spin")
