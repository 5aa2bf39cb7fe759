# SPDX-License-Identifier: MIT
# What a user does, on the fake machine; protocol_test.sh holds the output against session.expected.
set pagination off
set confirm off
set height 0
set width 0
set style enabled off
set tcp auto-retry off

echo == connect\n
target remote gdb.socket
show architecture
info threads

echo == registers\n
info registers rip eflags cs cr0 cr2 cr3 cr4 cr8 efer fs_base gs_base k_gs_base
info registers fctrl ftag mxcsr
print $xmm3.v16_int8[0]
print $xmm3.uint128
set $r12 = 0x1122334455667788
set $k_gs_base = 0x1000
set $xmm15.v2_int64[1] = 77
set $st3 = 1.5
print/x $r12
print/x $k_gs_base
print $xmm15.v2_int64
print $st3

echo == memory\n
x/6i $pc
x/2xb 0xffffffff8100fffe
set var *(long *)0xffffffff81002000 = 42
print *(long *)0xffffffff81002000

echo == step\n
stepi
stepi
stepi
print $rax

echo == breakpoint\n
break *0xffffffff81000002
continue
continue
x/i $pc
info breakpoints
thread
delete

echo == hardware breakpoint\n
hbreak *0xffffffff8100000b
continue
continue
delete

echo == watchpoint\n
watch *(long *)0xffffffff81001000
continue
continue
delete
rwatch *(long *)0xffffffff81001100
continue
delete

echo == threads\n
thread 2
print/x $rbx
set scheduler-locking on
stepi
thread 1
print/x $rbx
set scheduler-locking off

echo == monitor\n
monitor help
monitor nonsense

echo == range step\n
set $pc = 0xffffffff81000000
break *0xffffffff8100000b
maint packet vCont;rffffffff81000000,ffffffff81000008:1
delete

echo == Ctrl-C\n
shell (sleep 1; kill -INT $PPID) &
continue
stepi
monitor caps

echo == detach and come back\n
detach
target remote gdb.socket
info threads
x/i $pc
print $k_gs_base

echo == the guest ends\n
set $pc = 0xffffffff81000100
continue
