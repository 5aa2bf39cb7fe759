# SPDX-License-Identifier: MIT
glassbox_unit_test(vmm_cpu_features_test cpu_features_test.c LIBS glassbox_vmm_cpu)
glassbox_unit_test(vmm_cpuid_test cpuid_test.c LIBS glassbox_vmm_cpu)
glassbox_unit_test(vmm_diagnose_test diagnose_test.c LIBS glassbox_vmm_cpu)
