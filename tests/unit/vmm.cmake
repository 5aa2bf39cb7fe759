# SPDX-License-Identifier: MIT
glassbox_unit_test(vmm_bus_test bus_test.c LIBS glassbox_vmm)
glassbox_unit_test(vmm_control_commands_test control_commands_test.c LIBS glassbox_vmm virtio_test_support)
glassbox_unit_test(vmm_control_request_test control_request_test.c LIBS glassbox_control)
glassbox_unit_test(vmm_control_server_test control_server_test.c LIBS glassbox_control)
glassbox_unit_test(vmm_panic_watch_test panic_watch_test.c LIBS glassbox_vmm)
glassbox_unit_test(vmm_ram_test ram_test.c LIBS glassbox_vmm)
glassbox_unit_test(vmm_virtio_options_test virtio_options_test.c LIBS glassbox_vmm)
glassbox_unit_test(vmm_ctl_socket_test ctl_socket_test.c LIBS glassbox_ctl)
glassbox_unit_test(vmm_ctl_text_test ctl_text_test.c LIBS glassbox_ctl)
glassbox_unit_test(vmm_vm_test vm_test.c LIBS glassbox_vmm)
# It looks for a program of this build.
glassbox_unit_test(vmm_rootfs_test rootfs_test.c LIBS glassbox_vmm glassbox_test_kernel_image)
add_dependencies(vmm_rootfs_test glassbox-rootfs-init)
