# SPDX-License-Identifier: MIT
glassbox_unit_test(trace_facade_test trace_facade_test.c LIBS glassbox_trace)
glassbox_unit_test(trace_buffer_test trace_buffer_test.c ${CMAKE_SOURCE_DIR}/trace/session_buffer.c
    LIBS glassbox_base)
glassbox_unit_test(trace_directory_test trace_directory_test.c LIBS glassbox_trace)
glassbox_unit_test(trace_document_test trace_document_test.c LIBS glassbox_trace)
target_compile_definitions(trace_document_test PRIVATE
    TRACING_DOCUMENT="${CMAKE_SOURCE_DIR}/docs/tracing.md")
# Exports a provider of its own, as a preloaded library would.
glassbox_unit_test(trace_loader_test trace_loader_test.c LIBS glassbox_trace)
set_target_properties(trace_loader_test PROPERTIES ENABLE_EXPORTS ON)
