# SPDX-License-Identifier: MIT
if(GLASSBOX_LTTNG)
    glassbox_unit_test(report_histogram_test report_histogram_test.c LIBS glassbox_analysis m)
    glassbox_unit_test(report_exits_test report_exits_test.c LIBS glassbox_analysis)
endif()
