# SPDX-License-Identifier: MIT
foreach(device serial i8042 pm rtc)
    glassbox_unit_test(devices_${device}_test ${device}_test.c LIBS glassbox_devices)
endforeach()
