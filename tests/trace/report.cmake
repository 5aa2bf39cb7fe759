# SPDX-License-Identifier: MIT
if(GLASSBOX_LTTNG)
    add_executable(report_trace_test
        ${CMAKE_CURRENT_LIST_DIR}/report_trace_test.c ${CMAKE_CURRENT_LIST_DIR}/report_synthetic.c)
    target_compile_definitions(report_trace_test PRIVATE
        GLASSBOX_TRACE="$<TARGET_FILE:glassbox_trace_tool>"
        GLASSBOX_PLUGIN_DIR="$<TARGET_FILE_DIR:glassbox_babeltrace>"
        GLASSBOX_SANITIZED=$<NOT:$<STREQUAL:${GLASSBOX_SANITIZE},>>)
    target_link_libraries(report_trace_test PRIVATE
        glassbox_compiler cmocka m PkgConfig::BABELTRACE2 PkgConfig::JANSSON)
    add_dependencies(report_trace_test glassbox_trace_tool)
    set_target_properties(report_trace_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME trace.report_trace_test COMMAND report_trace_test WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    set_tests_properties(trace.report_trace_test PROPERTIES LABELS trace TIMEOUT 120)
endif()
