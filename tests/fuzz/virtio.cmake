# SPDX-License-Identifier: MIT
foreach(part ring mmio pci rng blk balloon net console)
    glassbox_fuzz_target(virtio_${part}_fuzz virtio_${part}_fuzz.c
        ${CMAKE_SOURCE_DIR}/tests/support/fake_disk.c
        ${CMAKE_SOURCE_DIR}/tests/support/fake_net.c
        ${CMAKE_SOURCE_DIR}/tests/support/mock_driver.c
        ${CMAKE_SOURCE_DIR}/tests/support/mock_pci_driver.c
        ${CMAKE_SOURCE_DIR}/tests/support/mock_virtio_device.c
        CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/virtio_${part}
        LIBS glassbox_devices)
endforeach()

glassbox_fuzz_target(vhost_user_fuzz vhost_user_fuzz.c
    ${CMAKE_SOURCE_DIR}/tests/support/mock_driver.c
    CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/vhost_user
    LIBS glassbox_devices)

glassbox_fuzz_target(virtio_fs_fuzz virtio_fs_fuzz.c
    ${CMAKE_SOURCE_DIR}/tests/support/mock_driver.c
    ${CMAKE_SOURCE_DIR}/tests/support/mock_vhost.c
    CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/virtio_fs
    LIBS glassbox_devices)
