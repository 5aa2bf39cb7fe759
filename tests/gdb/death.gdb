# SPDX-License-Identifier: MIT
# A guest that panics, and resets itself by a triple fault: gdb sees the one coming, and can look at
# what the other left.

thbreak rest_init
continue

echo == the panic ==\n
break panic
continue
backtrace 3

echo == on the way to the reset ==\n
tbreak native_machine_emergency_restart
continue
backtrace 2

# An AMD processor resets itself, so there may be no more to see than that.
echo == the triple fault ==\n
continue
info threads
print panic_timeout

echo == the end ==\n
continue
