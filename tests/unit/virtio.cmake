# SPDX-License-Identifier: MIT
add_library(virtio_test_support STATIC
    ${CMAKE_SOURCE_DIR}/tests/support/fake_disk.c
    ${CMAKE_SOURCE_DIR}/tests/support/fake_net.c
    ${CMAKE_SOURCE_DIR}/tests/support/mock_driver.c
    ${CMAKE_SOURCE_DIR}/tests/support/mock_pci_driver.c
    ${CMAKE_SOURCE_DIR}/tests/support/mock_vhost.c
    ${CMAKE_SOURCE_DIR}/tests/support/mock_virtio_device.c)
target_link_libraries(virtio_test_support PUBLIC glassbox_compiler glassbox_devices)

foreach(part ring hostile_ring hostile_driver device elsewhere mmio pci rng blk blk_loop blk_state balloon balloon_stats inspect net net_ctrl net_state net_loop console console_control console_loop fs)
    glassbox_unit_test(virtio_${part}_test virtio_${part}_test.c LIBS virtio_test_support)
endforeach()
target_link_libraries(virtio_blk_loop_test PRIVATE nbd_test_support)

glassbox_unit_test(vhost_user_test vhost_user_test.c LIBS virtio_test_support)
glassbox_unit_test(virtiofsd_start_test virtiofsd_start_test.c LIBS virtio_test_support)
glassbox_unit_test(virtiofsd_test virtiofsd_test.c LIBS virtio_test_support)
