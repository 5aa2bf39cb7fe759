# SPDX-License-Identifier: MIT
# How tests are registered.  Every test has exactly one label: unit, guest, linux, gdb, trace, fuzz or style.
# A test that cannot run here exits with 77 and says why; ctest then counts it as skipped.

# glassbox_unit_test(NAME SOURCES... [LIBS ...]): a cmocka program tests/unit/NAME, label unit.
function(glassbox_unit_test name)
    cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
    add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PRIVATE glassbox_compiler ${arg_LIBS} cmocka)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME unit.${name} COMMAND ${name})
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# glassbox_fuzz_target(NAME SOURCES... [LIBS ...] [CORPUS DIR]): with GLASSBOX_FUZZ a libFuzzer program and a
# short bounded run of it as a test, label fuzz.  Without, the same entry point replays its corpus.
function(glassbox_fuzz_target name)
    cmake_parse_arguments(arg "" "CORPUS" "LIBS" ${ARGN})
    add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PRIVATE glassbox_compiler ${arg_LIBS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    if(GLASSBOX_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz/${name}.corpus)
        add_test(NAME fuzz.${name}
            COMMAND ${name} -runs=200000 -max_total_time=20 -timeout=10
                    ${CMAKE_BINARY_DIR}/fuzz/${name}.corpus ${arg_CORPUS})
    else()
        target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c)
        add_test(NAME fuzz.${name} COMMAND ${name} ${arg_CORPUS})
    endif()
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()
