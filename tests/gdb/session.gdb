# SPDX-License-Identifier: MIT
# One vCPU, a bzImage: what a debugging session is made of. session.expected says what gdb answers.

echo == the first instruction ==\n
info registers rip
info threads

echo == a software breakpoint before anything has run ==\n
break start_kernel
continue
backtrace
info registers cr3 efer gs_base
# gdb tells the stub at once, and reads the code while the breakpoint is set: it must not show.
set breakpoint always-inserted on
x/1xb start_kernel
disassemble start_kernel,+5
set breakpoint always-inserted off

echo == steps ==\n
stepi
backtrace 2
next
next
print/x $rip > (unsigned long)start_kernel && $rip < (unsigned long)start_kernel + 0x400

echo == a hardware breakpoint for once ==\n
delete
thbreak rest_init
continue

echo == memory ==\n
print panic_timeout
set var panic_timeout = 17
print panic_timeout
x/1dw &panic_timeout
set var panic_timeout = 0
x/s linux_banner

echo == registers ==\n
set $saved = $r15
set $r15 = 0x123456789abcdef
print/x $r15
set $r15 = $saved

echo == a breakpoint for once, hit from user space ==\n
tbreak vfs_read
continue
backtrace 5
print $gs_base != 0
up 4
info registers rip
down 4
finish

echo == a condition, and an int3 ==\n
monitor breakpoints int3
break vfs_read if $_streq(file->f_path.dentry->d_name.name, "modules")
continue
print (char *)file->f_path.dentry->d_name.name
delete
monitor breakpoints auto

echo == a watchpoint ==\n
set $before = jiffies_64
watch jiffies_64
continue
print jiffies_64 > $before
set $before = jiffies_64
continue
print jiffies_64 > $before
delete

echo == a hardware breakpoint ==\n
hbreak vfs_write
continue
backtrace 2
monitor caps
delete

echo == the end ==\n
break kernel_power_off
continue
backtrace 2
break _printk
detach
