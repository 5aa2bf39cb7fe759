# SPDX-License-Identifier: MIT
# A gdb that will be killed while the guest runs past a breakpoint, again and again. Without symbols,
# which it does not need: $vfs_read is the address.

break *$vfs_read
commands
silent
shell echo hit >>"$GDB_TEST_LOG"
continue
end
shell echo set >>"$GDB_TEST_LOG"
continue
