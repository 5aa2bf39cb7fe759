/* SPDX-License-Identifier: MIT */
/* What the files of the report share with each other and with nobody else. */
#ifndef GLASSBOX_TOOLS_TRACE_REPORT_INTERNAL_H
#define GLASSBOX_TOOLS_TRACE_REPORT_INTERNAL_H

#include "tools/trace/report.h"

/** report_add_warnings() - say what a reader must know before believing the numbers.  Return: 0, or
 * -ENOMEM. */
int report_add_warnings(struct report *report, const struct report_source *source) __must_check;

/** report_space_name() - "pio" or "mmio"; static */
const char *report_space_name(uint32_t space);

#endif
