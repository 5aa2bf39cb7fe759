# SPDX-License-Identifier: MIT
add_executable(tracepoint-bench tracepoint_bench.c)
target_link_libraries(tracepoint-bench PRIVATE glassbox_compiler glassbox_trace glassbox_base)
