# SPDX-License-Identifier: MIT
glassbox_fuzz_target(virtio_vsock_fuzz virtio_vsock_fuzz.c
    ${CMAKE_SOURCE_DIR}/tests/support/fake_vsock_host.c
    ${CMAKE_SOURCE_DIR}/tests/support/mock_driver.c
    CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/virtio_vsock
    LIBS glassbox_devices)
