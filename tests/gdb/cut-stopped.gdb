# SPDX-License-Identifier: MIT
# A gdb that will be killed while the guest is stopped at a breakpoint.

break *$vfs_read
shell echo set >>"$GDB_TEST_LOG"
continue
shell echo stopped >>"$GDB_TEST_LOG"
python import time; time.sleep(3600)
