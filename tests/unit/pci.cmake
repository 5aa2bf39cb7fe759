# SPDX-License-Identifier: MIT
foreach(part config host msix)
    glassbox_unit_test(pci_${part}_test pci_${part}_test.c LIBS glassbox_devices)
endforeach()

# With the bus that the windows are on.
glassbox_unit_test(pci_bar_test pci_bar_test.c LIBS glassbox_vmm)

# vmm/msi.c by itself, with a KVM of the test's own.
glassbox_unit_test(pci_msi_test pci_msi_test.c ${CMAKE_SOURCE_DIR}/vmm/msi.c ${CMAKE_SOURCE_DIR}/vmm/doorbell.c LIBS glassbox_devices)

glassbox_unit_test(pci_acpi_test pci_acpi_test.c LIBS glassbox_devices glassbox_boot)
target_compile_definitions(pci_acpi_test PRIVATE AML_DIR="${CMAKE_BINARY_DIR}/vmm/boot")
