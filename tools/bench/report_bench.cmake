# SPDX-License-Identifier: MIT
# Built on demand by reports.py.
if(GLASSBOX_LTTNG)
    add_executable(report_bench_trace EXCLUDE_FROM_ALL
        report_bench_trace.c ${CMAKE_SOURCE_DIR}/tests/trace/report_synthetic.c)
    target_link_libraries(report_bench_trace PRIVATE glassbox_compiler glassbox_base PkgConfig::BABELTRACE2)
    set_target_properties(report_bench_trace PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endif()
