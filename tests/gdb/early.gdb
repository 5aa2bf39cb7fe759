# SPDX-License-Identifier: MIT
# Breakpoints at functions, set before the kernel looks at its own code and left there to the end: its
# ftrace and all that patches code must find what was compiled.

echo == before anything has run ==\n
break start_kernel
break vfs_read
continue
continue

echo == to the end ==\n
ignore 2 100000
continue
info breakpoints
