# SPDX-License-Identifier: MIT
# A second gdb, after the first one has detached from the machine of smp.gdb: connecting stops it.

info threads
tbreak __schedule
continue
kill
