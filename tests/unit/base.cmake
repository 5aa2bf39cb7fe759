# SPDX-License-Identifier: MIT
glassbox_unit_test(base_size_test size_test.c LIBS glassbox_base)
glassbox_unit_test(base_guest_mem_test guest_mem_test.c LIBS glassbox_base)
glassbox_unit_test(base_loop_test loop_test.c LIBS glassbox_base)
glassbox_unit_test(base_address_test address_test.c LIBS glassbox_base)
glassbox_unit_test(base_listener_test listener_test.c LIBS glassbox_base)
glassbox_unit_test(base_elf_symbols_test elf_symbols_test.c LIBS glassbox_base)
