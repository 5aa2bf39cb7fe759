# SPDX-License-Identifier: MIT
# How tests are registered.  Every test has one label that says what it proves: unit, guest, linux, gdb, trace, fuzz,
# style or lab; docs/testing.md explains them.  A test that needs KVM has a second one, any-kvm or honest-kvm, and
# runs through tests/support/honest-kvm, which finds it a place: this machine or the lab.
#
# A test that cannot run exits with 77 and prints the reason in its last line; ctest then counts it as skipped.
# No test fails because a machine is slow: a TIMEOUT is there to end what hangs.
#
# All tests but unit and fuzz ones find GLASSBOX_SOURCE_DIR and GLASSBOX_BUILD_DIR in their environment.

set(GLASSBOX_FUZZ_SECONDS 10 CACHE STRING "How long the test of a fuzz target may run in the preset 'fuzz'")

# glassbox_unit_test(NAME SOURCES... [LIBS ...]): a cmocka program tests/unit/NAME, label unit.
function(glassbox_unit_test name)
    cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
    add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PRIVATE glassbox_compiler ${arg_LIBS} cmocka)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME unit.${name} COMMAND ${name})
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 120 SKIP_RETURN_CODE 77)
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
            COMMAND ${name} -runs=200000 -max_total_time=${GLASSBOX_FUZZ_SECONDS} -timeout=10
                    -artifact_prefix=${CMAKE_BINARY_DIR}/fuzz/${name}-
                    ${CMAKE_BINARY_DIR}/fuzz/${name}.corpus ${arg_CORPUS})
    else()
        target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c)
        add_test(NAME fuzz.${name} COMMAND ${name} ${arg_CORPUS})
    endif()
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()

# glassbox_test(NAME LABEL KVM SECONDS COMMAND...): what the functions below have in common.  KVM is any-kvm, honest-kvm or
# none; SECONDS bounds it.  COMMAND may begin with the name of a target that exists already.
function(glassbox_test name label kvm timeout)
    set(command ${ARGN})
    list(GET command 0 program)
    if(program STREQUAL COMMAND)
        list(POP_FRONT command)
        list(GET command 0 program)
    endif()
    if(TARGET ${program})
        list(POP_FRONT command)
        list(PREPEND command $<TARGET_FILE:${program}>)
    endif()
    set(labels ${label})
    if(NOT kvm STREQUAL none)
        list(APPEND labels ${kvm})
        list(PREPEND command ${CMAKE_SOURCE_DIR}/tests/support/honest-kvm
            --need ${kvm} --timeout ${timeout} --build ${CMAKE_BINARY_DIR} --)
        # The lab adds its own start, and a while to end in good order.
        math(EXPR timeout "${timeout} + 120")
    endif()
    add_test(NAME ${label}.${name} COMMAND ${command})
    set_tests_properties(${label}.${name} PROPERTIES
        LABELS "${labels}" TIMEOUT ${timeout} SKIP_RETURN_CODE 77
        ENVIRONMENT "GLASSBOX_SOURCE_DIR=${CMAKE_SOURCE_DIR};GLASSBOX_BUILD_DIR=${CMAKE_BINARY_DIR}")
    if(kvm STREQUAL honest-kvm)
        # One at a time: in the lab, two would share two emulated processors.
        set_tests_properties(${label}.${name} PROPERTIES RESOURCE_LOCK honest-kvm)
    endif()
endfunction()

# glassbox_guest_test(NAME SOURCES... [LIBS ...]): guests of a few instructions, in a cmocka program tests/guest_NAME.
# Runs on any /dev/kvm.
function(glassbox_guest_test name)
    cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
    add_executable(guest_${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(guest_${name} PRIVATE glassbox_compiler ${arg_LIBS} cmocka)
    set_target_properties(guest_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    glassbox_test(${name} guest any-kvm 120 guest_${name})
endfunction()

# In what follows COMMAND is a program and its arguments, as in add_test(COMMAND ...); the word COMMAND itself may
# stand in front.

# glassbox_linux_test(NAME COMMAND...): boots Debian's kernels.  Runs where KVM is honest.
# COMMAND finds them with `tools/fetch-kernel --print vmlinuz` and the like, which needs no network for what is in the
# cache, and exits with 77 if it cannot.
function(glassbox_linux_test name)
    glassbox_test(${name} linux honest-kvm 600 ${ARGN})
endfunction()

# glassbox_gdb_test(NAME [HONEST_KVM] COMMAND...): a real gdb, or the protocol.  With HONEST_KVM against a guest's
# kernel, else against a target of the test's own.
function(glassbox_gdb_test name)
    glassbox_test_with_choice(${name} gdb ${ARGN})
endfunction()

# glassbox_trace_test(NAME [ANY_KVM|HONEST_KVM] COMMAND...): the way of events to LTTng, Babeltrace and the reports.
function(glassbox_trace_test name)
    glassbox_test_with_choice(${name} trace ${ARGN})
endfunction()

# glassbox_style_test(NAME COMMAND...): about the sources, the documents and what is installed.
function(glassbox_style_test name)
    glassbox_test(${name} style none 300 ${ARGN})
endfunction()

# glassbox_lab_test(NAME COMMAND...): about the lab, tools/lab.  Takes minutes, and skips where no lab was built.
function(glassbox_lab_test name)
    glassbox_test(${name} lab none 1800 ${ARGN})
endfunction()

function(glassbox_test_with_choice name label)
    set(command ${ARGN})
    list(GET command 0 first)
    set(kvm none)
    if(first MATCHES "^(ANY|HONEST)_KVM$")
        list(POP_FRONT command)
        string(TOLOWER ${CMAKE_MATCH_1}-kvm kvm)
    endif()
    glassbox_test(${name} ${label} ${kvm} 900 ${command})
endfunction()
