# SPDX-License-Identifier: MIT
glassbox_unit_test(vmm_bus_test bus_test.c LIBS glassbox_vmm)
glassbox_unit_test(vmm_panic_watch_test panic_watch_test.c LIBS glassbox_vmm)
glassbox_unit_test(vmm_virtio_options_test virtio_options_test.c LIBS glassbox_vmm)
