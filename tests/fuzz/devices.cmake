# SPDX-License-Identifier: MIT
glassbox_fuzz_target(legacy_device_fuzz legacy_device_fuzz.c LIBS glassbox_devices)
