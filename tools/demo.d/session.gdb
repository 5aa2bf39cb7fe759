# SPDX-License-Identifier: MIT
# The debugging session of tools/demo. Every command is shown as gdb runs it.
set trace-commands on
break start_kernel
continue
backtrace
info registers rip cr3 efer
stepi
next
next
delete
thbreak vfs_write
continue
backtrace 5
print *file->f_path.dentry->d_name.name@7
continue
