# SPDX-License-Identifier: MIT
target_sources(virtio_test_support PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/fake_vsock_host.c)

foreach(test virtio_vsock virtio_vsock_hostile virtio_vsock_loop virtio_vsock_state vsock_credit vsock_unix)
    glassbox_unit_test(${test}_test ${test}_test.c LIBS virtio_test_support)
endforeach()
