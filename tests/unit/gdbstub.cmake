# SPDX-License-Identifier: MIT
add_library(gdbstub_test_support STATIC
    ${CMAKE_SOURCE_DIR}/tests/support/fake_target.c
    ${CMAKE_SOURCE_DIR}/tests/support/gdb_client.c
    ${CMAKE_SOURCE_DIR}/tests/support/gdb_harness.c
    ${CMAKE_SOURCE_DIR}/tests/support/gdb_machine.c)
target_link_libraries(gdbstub_test_support PUBLIC glassbox_compiler glassbox_gdbstub)

foreach(test packet registers page_walk breakpoints slots commands run server)
    glassbox_unit_test(gdb_${test}_test gdb_${test}_test.c LIBS gdbstub_test_support)
endforeach()
