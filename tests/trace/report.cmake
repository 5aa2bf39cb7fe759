# SPDX-License-Identifier: MIT
# glassbox-trace and its plugin over synthetic traces: needs babeltrace2, not LTTng.
add_library(report_fixture STATIC report_fixture.c report_synthetic.c)
target_compile_definitions(report_fixture PUBLIC
    GLASSBOX_TRACE="$<TARGET_FILE:glassbox_trace_tool>"
    GLASSBOX_PLUGIN_DIR="$<TARGET_FILE_DIR:glassbox_babeltrace>"
    GLASSBOX_DOCS="${CMAKE_SOURCE_DIR}/docs"
    GLASSBOX_SANITIZED=$<NOT:$<STREQUAL:${GLASSBOX_SANITIZE},>>)
target_link_libraries(report_fixture PUBLIC glassbox_compiler cmocka PkgConfig::BABELTRACE2)
foreach(test IN ITEMS report_trace_test report_command_test)
    add_executable(${test} ${test}.c)
    target_link_libraries(${test} PRIVATE report_fixture m PkgConfig::JANSSON)
    add_dependencies(${test} glassbox_trace_tool)
    set_target_properties(${test} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME trace.${test} COMMAND ${test} WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    set_tests_properties(trace.${test} PROPERTIES LABELS trace TIMEOUT 120)
endforeach()
add_test(NAME trace.report_lttng_test
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/report_lttng_test.sh
            $<TARGET_FILE:trace_emitter> $<TARGET_FILE:glassbox_trace_tool>
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
set_tests_properties(trace.report_lttng_test PROPERTIES LABELS trace TIMEOUT 120 SKIP_RETURN_CODE 77)
