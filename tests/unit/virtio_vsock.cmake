# SPDX-License-Identifier: MIT
foreach(test vsock_credit vsock_unix)
    glassbox_unit_test(${test}_test ${test}_test.c LIBS virtio_test_support)
endforeach()
