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

        # Starts vCPU 1 at an address in 64-bit mode, like the boot vCPU. Clobbers RAX, RBX, RCX, RSI, RDI.
        .macro  start_second entry
        lea     777f(%rip), %rsi
        mov     $0x8000, %edi
        mov     $(778f - 777f), %ecx
        rep movsb
        mov     $LAPIC, %ebx
        movl    $0x1ff, 0xf0(%rbx)              # software enable
        movl    $1 << 24, 0x310(%rbx)           # ICR: to the APIC of ID 1 ...
        movl    $0x4500, 0x300(%rbx)            # ... INIT,
        movl    $0x4608, 0x300(%rbx)            # ... and SIPI, to begin at 0x8000
        .pushsection .rodata
        .code16
777:    xor     %ax, %ax
        mov     %ax, %ds
        lgdtl   0x8000 + (776f - 777b)
        mov     $0x20, %eax                     # PAE
        mov     %eax, %cr4
        mov     $0x9000, %eax                   # the tables that the boot vCPU began with
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx               # EFER.LME
        rdmsr
        or      $0x100, %eax
        wrmsr
        mov     $0x80000011, %eax               # PG, ET, PE
        mov     %eax, %cr0
        ljmpl   $0x10, $\\entry
776:    .word   0x37                            # the GDT that the boot vCPU began with
        .long   0x500
778:    .code64
        .popsection
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


def symbols(kernel):
    """Return the addresses of a kernel's symbols."""
    listing = subprocess.run(["nm", kernel], check=True, capture_output=True, text=True).stdout
    fields = [line.split() for line in listing.splitlines()]
    return {name: int(address, 16) for address, _, name in fields}
