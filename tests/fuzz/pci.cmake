# SPDX-License-Identifier: MIT
glassbox_fuzz_target(pci_fuzz pci_fuzz.c LIBS glassbox_devices CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/pci)
