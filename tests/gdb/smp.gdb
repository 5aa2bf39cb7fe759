# SPDX-License-Identifier: MIT
# Two vCPUs, an ELF vmlinux: all of them stop, and each can be looked at. The test interrupts the
# second `continue` as the user's Ctrl-C would, when user space is up.

echo == an ELF kernel, before its first instruction ==\n
tbreak start_kernel
continue
info threads

echo == Ctrl-C ==\n
continue
info threads
thread apply all backtrace 1
print $_thread

echo == the second vCPU ==\n
thread 2
print $_thread
info registers cr3 efer
set $second = $gs_base
thread 1
print $gs_base != $second
# Both vCPUs come by here, each for its own processor's sake.
break __schedule thread 2
continue
print $_thread
print $gs_base == $second
delete
detach
