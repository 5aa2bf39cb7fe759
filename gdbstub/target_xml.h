/* SPDX-License-Identifier: MIT */
/* The target description that gdb fetches: the register table as XML. */
#ifndef GLASSBOX_GDBSTUB_TARGET_XML_H
#define GLASSBOX_GDBSTUB_TARGET_XML_H

#include "gdbstub/buffer.h"

/* Enough for the whole document. */
#define GDB_TARGET_XML_SIZE 16384u

/** gdb_target_xml_write() - append target.xml (gdb manual, appendix "Target Descriptions") */
void gdb_target_xml_write(struct gdb_buffer *xml);

#endif
