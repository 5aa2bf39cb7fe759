# SPDX-License-Identifier: MIT
# Warnings, sanitizers and hardening as one interface target that every target of ours links.

add_library(glassbox_compiler INTERFACE)
target_include_directories(glassbox_compiler INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_definitions(glassbox_compiler INTERFACE _GNU_SOURCE)
target_compile_options(glassbox_compiler INTERFACE
    -Wall -Wextra -Wshadow -Wvla -Wimplicit-fallthrough -Wmissing-prototypes -Wstrict-prototypes
    -Wformat=2 -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wold-style-definition
    -fno-common -fstack-protector-strong -fvisibility=hidden)

if(CMAKE_C_COMPILER_ID MATCHES Clang)
    # The kernel's headers end structures with arrays of no size, and we put more behind; gcc has no such warning.
    target_compile_options(glassbox_compiler INTERFACE -Wno-gnu-variable-sized-type-not-at-end)
endif()

if(GLASSBOX_WERROR)
    target_compile_options(glassbox_compiler INTERFACE -Werror)
endif()

if(GLASSBOX_SANITIZE STREQUAL "asan-ubsan")
    set(flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(GLASSBOX_SANITIZE STREQUAL "tsan")
    set(flags -fsanitize=thread -fno-omit-frame-pointer)
elseif(GLASSBOX_SANITIZE STREQUAL "")
    set(flags "")
else()
    message(FATAL_ERROR "GLASSBOX_SANITIZE must be empty, asan-ubsan or tsan, not '${GLASSBOX_SANITIZE}'")
endif()

if(GLASSBOX_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        message(FATAL_ERROR "GLASSBOX_FUZZ needs clang (use the preset 'fuzz')")
    endif()
    list(APPEND flags -fsanitize=fuzzer-no-link)
endif()
target_compile_options(glassbox_compiler INTERFACE ${flags})
target_link_options(glassbox_compiler INTERFACE ${flags})

if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(glassbox_compiler INTERFACE -D_FORTIFY_SOURCE=2)
    target_link_options(glassbox_compiler INTERFACE -Wl,-z,relro,-z,now)
endif()
