# SPDX-License-Identifier: MIT
foreach(device serial i8042 pm rtc chardev chardev_peer serial_line host_clock disk_raw net_tap net_slirp)
    glassbox_unit_test(devices_${device}_test ${device}_test.c LIBS glassbox_devices)
endforeach()

# openpty(3)
glassbox_unit_test(devices_chardev_stdio_test chardev_stdio_test.c LIBS glassbox_devices util)
glassbox_unit_test(base_terminal_test terminal_test.c LIBS glassbox_base util)
glassbox_unit_test(devices_nbd_cut_test nbd_cut_test.c LIBS glassbox_devices)
