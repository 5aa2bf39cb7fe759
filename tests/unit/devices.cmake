# SPDX-License-Identifier: MIT
foreach(device ending_ports serial i8042 pm rtc chardev chardev_peer serial_line host_clock disk_raw net_tap net_slirp)
    glassbox_unit_test(devices_${device}_test ${device}_test.c LIBS glassbox_devices)
endforeach()

# openpty(3)
glassbox_unit_test(devices_chardev_stdio_test chardev_stdio_test.c LIBS glassbox_devices util)
glassbox_unit_test(base_terminal_test terminal_test.c LIBS glassbox_base util)

# Network block devices.
add_library(nbd_test_support STATIC ${CMAKE_SOURCE_DIR}/tests/support/fake_nbd.c)
target_link_libraries(nbd_test_support PUBLIC glassbox_compiler glassbox_devices)
foreach(part nbd_cut disk_nbd disk_nbd_hostile disk_nbd_qemu)
    glassbox_unit_test(devices_${part}_test ${part}_test.c LIBS nbd_test_support)
endforeach()
