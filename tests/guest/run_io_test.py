#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a guest can do to ports, MMIO and interrupts: right answers, and nothing shakes the VMM."""

import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
import run_kernel  # noqa: E402
import vmm_process as vmm  # noqa: E402

# Every port up to 0x7ff in each width, with values that ask for nothing, and the others four at a
# time. Between them, 8042 commands end up without parameters and the DLAB of the serial port flips.
SWEEP = """
        .macro  sweep_writes reg, value
        xor     %edx, %edx
1:      mov     $\\value, %eax
        out     %\\reg, %dx
        inc     %edx
        cmp     $0x800, %edx
        jne     1b
        .endm
        .macro  sweep_reads reg, from, to, step
        mov     $\\from, %edx
1:      in      %dx, %\\reg
        add     $\\step, %edx
        cmp     $\\to, %edx
        jne     1b
        .endm

        sweep_reads al, 0, 0x800, 1
        sweep_reads ax, 0, 0x800, 1
        sweep_reads eax, 0, 0x800, 1
        sweep_reads eax, 0x800, 0x10000, 4
        sweep_writes al, 0
        sweep_writes ax, 0
        sweep_writes eax, 0
        sweep_writes al, 0xa5
        sweep_writes ax, 0xa5a5
        sweep_writes eax, 0xa5a5a5a5
        sweep_reads eax, 0, 0x800, 1
        mov     $0xfffd, %edx                   # behind the last port
        in      %dx, %eax
        mov     $0xffff, %edx
        in      %dx, %eax
        out     %eax, %dx

        mov     $SERIAL + 3, %dx                # 8 bits, DLAB off, and loopback off
        mov     $3, %al
        out     %al, %dx
        inc     %edx
        mov     $0, %al
        out     %al, %dx
        print   "survived\\n"
        power_off
"""

# INS and OUTS: one exit may carry a page of elements, in both directions of memory.
STRINGS = """
        .macro  string operation, port, address, count
        mov     $\\address, %rdi
        mov     $\\address, %rsi
        mov     $\\count, %ecx
        mov     $\\port, %dx
        rep \\operation
        .endm

        string  insb, SERIAL + 5, 0x900000, 5000
        string  insw, SERIAL, 0x900001, 3000
        string  insl, 0x1000, 0x900003, 3000
        string  outsw, SERIAL + 7, 0x900001, 3000
        string  outsl, 0x1000, 0x900003, 3000
        std
        string  insb, SERIAL + 5, 0x902000, 5000
        cld
        mov     0x902000, %al                   # LSR: transmitter empty, the first element
        cmp     $0x60, %al
        jne     wrong
        mov     0x902000 - 4999, %al            # and the last one
        cmp     $0x60, %al
        jne     wrong
        cmpl    $0xffffffff, 0x900003           # what INSL read where nobody is
        jne     wrong
        print   "right\\n"
        power_off
wrong:  print   "wrong\\n"
        power_off
"""

MMIO = """
        mov     $UNCLAIMED_MMIO, %rbp
        movzbl  (%rbp), %eax
        print_rax
        mov     (%rbp), %rax
        print_rax
        mov     $0x1234, %rax
        mov     %al, (%rbp)
        mov     %ax, 1(%rbp)
        mov     %eax, 3(%rbp)
        mov     %rax, 5(%rbp)
        mov     0xffd(%rbp), %rax               # across a page
        print_rax
        mov     %rax, 0xffd(%rbp)
        mov     $0xbffffffc, %rbp               # across the end of what may be RAM
        mov     (%rbp), %rax
        mov     $UNCLAIMED_MMIO, %rdi
        mov     $100, %ecx
        rep stosb
        mov     $UNCLAIMED_MMIO, %rsi
        mov     $0x900000, %rdi
        mov     $100, %ecx
        rep movsb
        print   "\\n"
        power_off
"""

# The serial port interrupts through the PIC's input 4 each time its transmitter is empty: each
# interrupt sends a byte, until there were enough.
STORM = """
        .equ    INTERRUPTS, 5000
        mov     $0x900000, %rsp
        # Gate 0x24 of the IDT at 0x800000 (SDM vol. 3A, 6.14.1): 64-bit interrupt gate.
        mov     $0x800000 + 0x24 * 16, %rdi
        lea     on_serial(%rip), %rax
        mov     %ax, (%rdi)
        movw    $0x10, 2(%rdi)
        movw    $0x8e00, 4(%rdi)
        shr     $16, %rax
        mov     %ax, 6(%rdi)
        shr     $16, %rax
        mov     %eax, 8(%rdi)
        lidt    idt(%rip)
        outb_to 0x20, 0x11                      # ICW1..4: vectors 0x20.., one 8259 each
        outb_to 0x21, 0x20
        outb_to 0x21, 0x04
        outb_to 0x21, 0x01
        outb_to 0x21, 0xef                      # all but input 4 masked
        outb_to 0xa1, 0xff
        xor     %ebp, %ebp
        outb_to SERIAL + 4, 0x08                # OUT2: lets the interrupt through
        sti
        outb_to SERIAL + 1, 0x02                # an interrupt when the transmitter is empty
wait:   hlt
        jmp     wait

on_serial:
        push    %rax
        push    %rdx
        mov     $SERIAL + 2, %dx                # reading IIR acknowledges it
        in      %dx, %al
        inc     %ebp
        cmp     $INTERRUPTS, %ebp
        je      enough
        outb_to SERIAL, 'x'
        outb_to 0x20, 0x20                      # end of interrupt
        pop     %rdx
        pop     %rax
        iretq
enough: power_off
        jmp     .

        .data
idt:    .word   0xfff
        .quad   0x800000
"""

# What is typed is echoed by polling, until a full stop.
ECHO = """
        print   "ready\\n"
next:   mov     $SERIAL + 5, %dx
        in      %dx, %al
        test    $1, %al
        jz      next
        mov     $SERIAL, %dx
        in      %dx, %al
        out     %al, %dx
        cmp     $'.', %al
        jne     next
        power_off
"""


class IoTest(vmm.TestCase):
    def boot(self, code, *args, **kwargs):
        ended = vmm.run("-k", run_kernel.assemble(self.directory, code), *args, **kwargs)
        self.assertEqual((ended.status, ended.errors()), (vmm.STATUS_OK, []), ended.describe())
        return ended

    def test_all_ports_in_all_widths(self):
        ended = self.boot(SWEEP)
        self.assertTrue(ended.text().endswith("survived\n"), ended.describe())

    def test_string_instructions(self):
        ended = self.boot(STRINGS)
        self.assertTrue(ended.text().endswith("right\n"), ended.describe())

    def test_ports_nobody_claims_read_as_ones(self):
        ended = self.boot("""
            mov     $0x1000, %dx
            in      %dx, %eax
            print_rax
            xor     %eax, %eax
            mov     $0xffff, %dx
            in      %dx, %al
            print_rax
            power_off
            """)
        self.assertEqual(ended.text(), "00000000ffffffff" "00000000000000ff")

    def test_mmio_nobody_claims_reads_as_ones(self):
        ended = self.boot(MMIO)
        self.assertEqual(ended.text(), "00000000000000ff" + "f" * 32 + "\n")

    def test_mmio_writes_of_a_vector_register(self):
        """KVM knows this instruction or says that it does not: the VMM does not mind which."""
        kernel = run_kernel.assemble(self.directory, """
            mov     %cr4, %rax
            or      $0x200, %eax                    # OSFXSR
            mov     %rax, %cr4
            mov     $UNCLAIMED_MMIO, %rbp
            movups  %xmm0, 8(%rbp)
            movups  0xff8(%rbp), %xmm0
            print   "done\\n"
            power_off
            """)
        ended = vmm.run("-k", kernel)
        self.assertIn(ended.status, (vmm.STATUS_OK, vmm.STATUS_KVM_ERROR), ended.describe())

    def test_storm_of_serial_interrupts(self):
        ended = self.boot(STORM)
        self.assertEqual(ended.text(), "x" * 4999)

    def test_input_arrives_complete_and_in_order(self):
        text = "".join(chr(33 + i % 13) + chr(64 + i % 61) for i in range(1000)) + "."
        kernel = run_kernel.assemble(self.directory, ECHO)
        process = self.start("-k", kernel, stdin="pipe")
        process.wait_for("ready\n")
        process.send(text)
        self.assertEqual(process.finish(), vmm.STATUS_OK)
        self.assertEqual(process.text(), "ready\n" + text)

    def test_input_before_the_guest_reads_is_kept(self):
        kernel = run_kernel.assemble(self.directory, ECHO)
        process = self.start("-k", kernel, stdin="pipe")
        process.send("early.")
        process.close_input()
        self.assertEqual(process.finish(), vmm.STATUS_OK)
        self.assertEqual(process.text(), "ready\nearly.")

    def test_end_of_input_is_not_the_end_of_the_guest(self):
        kernel = run_kernel.assemble(self.directory, ECHO)
        process = self.start("-k", kernel, stdin="pipe")
        process.close_input()
        process.wait_for("ready\n")
        self.end_by_signal(process)

    def test_smallest_memory(self):
        """16 MiB; the kernel is loaded at the end of them."""
        kernel = run_kernel.assemble(self.directory, 'print "small"\n power_off', address=0xf00000)
        ended = vmm.run("-k", kernel, "-m", "16M")
        self.assertEqual((ended.status, ended.text()), (vmm.STATUS_OK, "small"))

    def test_memory_above_4g(self):
        """The part that the hole below 4 GiB displaces is above, and is no alias of another."""
        code = """
            mov     %cr3, %rbx                      # one more GiB: its directory at 0x800000
            mov     (%rbx), %rax
            and     $-4096, %rax
            movq    $0x800003, 4 * 8(%rax)
            mov     $0x100000083, %rax              # present, writable, large
            mov     %rax, 0x800000
            mov     %cr3, %rbx
            mov     %rbx, %cr3
            mov     $0x100000000, %rbp
            movq    $0x12345678, (%rbp)
            mov     (%rbp), %rax
            print_rax
            mov     0, %rax
            print_rax
            power_off
            """
        kernel = run_kernel.assemble(self.directory, code)
        ended = vmm.run("-k", kernel, "-m", "4G")
        self.assertEqual(ended.status, vmm.STATUS_OK, ended.describe())
        self.assertEqual(ended.text(), "0000000012345678" + "0" * 16)
        ended = vmm.run("-k", kernel, "-m", "3G")
        self.assertEqual(ended.status, vmm.STATUS_OK, ended.describe())
        self.assertEqual(ended.text(), "f" * 16 + "0" * 16)

    def test_many_vcpus_of_a_guest_that_uses_one(self):
        kernel = run_kernel.assemble(self.directory, 'print "one of 32"\n power_off')
        ended = vmm.run("-k", kernel, "-c", 32)
        self.assertEqual((ended.status, ended.text()), (vmm.STATUS_OK, "one of 32"))


if __name__ == "__main__":
    vmm.main()
