# SPDX-License-Identifier: MIT
foreach(test vsock_credit)
    glassbox_unit_test(${test}_test ${test}_test.c LIBS virtio_test_support)
endforeach()
