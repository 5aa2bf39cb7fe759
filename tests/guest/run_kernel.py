# SPDX-License-Identifier: MIT
"""Kernels of a few instructions for `glassbox run`, assembled by the tests that boot them.

They are ELF files for physical addresses, entered at _start in 64-bit mode with paging on and the
first 4 GiB mapped one to one, interrupts off and no stack (the Linux boot protocol).
"""

import subprocess

LOAD_ADDRESS = 0x1000000

# The ports and values are those that the ACPI tables declare (vmm/boot/acpi.h).
PRELUDE = """
        .equ    SERIAL, 0x3f8
        .equ    PM1_CNT, 0x604
        .equ    PM_RESET, 0x60c
        .equ    LAPIC, 0xfee00000
        .equ    UNCLAIMED_MMIO, 0xd0000000      # in the hole below 4 GiB

        .macro  outb_to port, value
        mov     $\\port, %dx
        mov     $\\value, %al
        out     %al, %dx
        .endm

        # Text to the serial port. Clobbers RAX, RCX, RDX, RSI.
        .macro  print text
        lea     777f(%rip), %rsi
        mov     $(778f - 777f), %ecx
        mov     $SERIAL, %dx
        rep outsb
        .pushsection .rodata
777:    .ascii  "\\text"
778:
        .popsection
        .endm

        # RAX as 16 hexadecimal digits. Clobbers RAX, RBX, RCX, RDX, RSI.
        .macro  print_rax
        mov     %rax, %rbx
        mov     $16, %ecx
        mov     $SERIAL, %dx
        lea     digits(%rip), %rsi
777:    rol     $4, %rbx
        mov     %rbx, %rax
        and     $15, %eax
        mov     (%rsi,%rax), %al
        out     %al, %dx
        dec     %ecx
        jnz     777b
        .endm

        .macro  power_off
        mov     $PM1_CNT, %dx
        mov     $(1 << 13 | 5 << 10), %ax       # SLP_EN, SLP_TYP of \\\\_S5
        out     %ax, %dx
        .endm

        .section .rodata
digits: .ascii  "0123456789abcdef"
        .text
        .globl  _start
        .type   _start, @function
_start:
"""

END = """
        .text
        .size   _start, . - _start
hang:   hlt
        jmp     hang
"""


def assemble(directory, code, name="kernel", address=LOAD_ADDRESS):
    """Make a kernel of `code` (GNU as), which begins at _start; return its path."""
    source = directory / f"{name}.S"
    built = directory / f"{name}.o"
    kernel = directory / name
    source.write_text(PRELUDE + code + END)
    subprocess.run(["as", "--64", "-o", built, source], check=True)
    subprocess.run(
        ["ld", "-N", "--no-warn-rwx-segments", "--build-id=none", "-e", "_start", f"-Ttext={address:#x}", "-o", kernel, built],
        check=True,
    )
    return kernel
