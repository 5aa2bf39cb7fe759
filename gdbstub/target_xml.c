/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "gdbstub/registers.h"
#include "gdbstub/target_xml.h"

struct flag {
	const char *name;
	unsigned first, last; /* bits */
};

struct flags_type {
	const char *feature; /* where it is defined: before its first use */
	const char *name;
	unsigned bytes;
	const struct flag *flags;
	unsigned nr_flags;
};

/* SDM vol. 1, 3.4.3 */
static const struct flag eflags[] = {
	{ "CF", 0, 0 },    { "", 1, 1 },     { "PF", 2, 2 },   { "AF", 4, 4 },   { "ZF", 6, 6 },
	{ "SF", 7, 7 },    { "TF", 8, 8 },   { "IF", 9, 9 },   { "DF", 10, 10 }, { "OF", 11, 11 },
	{ "NT", 14, 14 },  { "RF", 16, 16 }, { "VM", 17, 17 }, { "AC", 18, 18 }, { "VIF", 19, 19 },
	{ "VIP", 20, 20 }, { "ID", 21, 21 },
};

/* SDM vol. 1, 10.2.3 */
static const struct flag mxcsr[] = {
	{ "IE", 0, 0 },   { "DE", 1, 1 },   { "ZE", 2, 2 },   { "OE", 3, 3 },   { "UE", 4, 4 },
	{ "PE", 5, 5 },   { "DAZ", 6, 6 },  { "IM", 7, 7 },   { "DM", 8, 8 },   { "ZM", 9, 9 },
	{ "OM", 10, 10 }, { "UM", 11, 11 }, { "PM", 12, 12 }, { "FZ", 15, 15 },
};

/* SDM vol. 3A, 2.5 */
static const struct flag cr0[] = {
	{ "PE", 0, 0 },   { "MP", 1, 1 },   { "EM", 2, 2 },   { "TS", 3, 3 },
	{ "ET", 4, 4 },   { "NE", 5, 5 },   { "WP", 16, 16 }, { "AM", 18, 18 },
	{ "NW", 29, 29 }, { "CD", 30, 30 }, { "PG", 31, 31 },
};

/* The low bits are a PCID when CR4.PCIDE is set, else cache control. */
static const struct flag cr3[] = {
	{ "PCID", 0, 11 },
	{ "PDBR", 12, 63 },
};

static const struct flag cr4[] = {
	{ "VME", 0, 0 },        { "PVI", 1, 1 },          { "TSD", 2, 2 },
	{ "DE", 3, 3 },         { "PSE", 4, 4 },          { "PAE", 5, 5 },
	{ "MCE", 6, 6 },        { "PGE", 7, 7 },          { "PCE", 8, 8 },
	{ "OSFXSR", 9, 9 },     { "OSXMMEXCPT", 10, 10 }, { "UMIP", 11, 11 },
	{ "LA57", 12, 12 },     { "VMXE", 13, 13 },       { "SMXE", 14, 14 },
	{ "FSGSBASE", 16, 16 }, { "PCIDE", 17, 17 },      { "OSXSAVE", 18, 18 },
	{ "KL", 19, 19 },       { "SMEP", 20, 20 },       { "SMAP", 21, 21 },
	{ "PKE", 22, 22 },      { "CET", 23, 23 },        { "PKS", 24, 24 },
	{ "UINTR", 25, 25 },
};

static const struct flag cr8[] = {
	{ "TPL", 0, 3 },
};

/* SDM vol. 3A, 2.2.1; SVME and further: AMD64 Architecture Programmer's Manual vol. 2, 3.1.7 */
static const struct flag efer[] = {
	{ "SCE", 0, 0 },     { "LME", 8, 8 },    { "LMA", 10, 10 },
	{ "NXE", 11, 11 },   { "SVME", 12, 12 }, { "LMSLE", 13, 13 },
	{ "FFXSR", 14, 14 }, { "TCE", 15, 15 },  { "AUTOIBRS", 21, 21 },
};

#define FLAGS(feature, name, bytes, flags)                                                         \
	{                                                                                          \
		feature, name, bytes, flags, ARRAY_SIZE(flags)                                     \
	}

static const struct flags_type flags_types[] = {
	FLAGS("org.gnu.gdb.i386.core", "i386_eflags", 4, eflags),
	FLAGS("org.gnu.gdb.i386.sse", "i386_mxcsr", 4, mxcsr),
	FLAGS("org.glassbox.x86.system", "x86_cr0", 8, cr0),
	FLAGS("org.glassbox.x86.system", "x86_cr3", 8, cr3),
	FLAGS("org.glassbox.x86.system", "x86_cr4", 8, cr4),
	FLAGS("org.glassbox.x86.system", "x86_cr8", 8, cr8),
	FLAGS("org.glassbox.x86.system", "x86_efer", 8, efer),
};

/* An SSE register's views; gdb expects the union's fields by these names in $xmm0.v4_float etc. */
static const struct {
	const char *id, *element, *field;
	unsigned count;
} vectors[] = {
	{ "v8bf16", "bfloat16", "v8_bfloat16", 8 }, { "v4f", "ieee_single", "v4_float", 4 },
	{ "v2d", "ieee_double", "v2_double", 2 },   { "v16i8", "int8", "v16_int8", 16 },
	{ "v8i16", "int16", "v8_int16", 8 },        { "v4i32", "int32", "v4_int32", 4 },
	{ "v2i64", "int64", "v2_int64", 2 },
};

static void write_vector_types(struct gdb_buffer *xml)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
		gdb_buffer_printf(xml, "<vector id=\"%s\" type=\"%s\" count=\"%u\"/>",
				  vectors[i].id, vectors[i].element, vectors[i].count);
	gdb_buffer_printf(xml, "<union id=\"vec128\">");
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
		gdb_buffer_printf(xml, "<field name=\"%s\" type=\"%s\"/>", vectors[i].field,
				  vectors[i].id);
	gdb_buffer_printf(xml, "<field name=\"uint128\" type=\"uint128\"/></union>\n");
}

static void write_flags_type(struct gdb_buffer *xml, const struct flags_type *type)
{
	gdb_buffer_printf(xml, "<flags id=\"%s\" size=\"%u\">", type->name, type->bytes);
	for (unsigned i = 0; i < type->nr_flags; i++)
		gdb_buffer_printf(xml, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>",
				  type->flags[i].name, type->flags[i].first, type->flags[i].last);
	gdb_buffer_printf(xml, "</flags>\n");
}

static void write_register(struct gdb_buffer *xml, const struct gdb_register *reg)
{
	gdb_buffer_printf(xml, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"", reg->name,
			  reg->bytes * 8, reg->type);
	if (reg->group)
		gdb_buffer_printf(xml, " group=\"%s\"", reg->group);
	gdb_buffer_printf(xml, "/>\n");
}

static void start_feature(struct gdb_buffer *xml, const char *feature)
{
	gdb_buffer_printf(xml, "<feature name=\"%s\">\n", feature);
	if (strcmp(feature, "org.gnu.gdb.i386.sse") == 0)
		write_vector_types(xml);
	for (unsigned i = 0; i < ARRAY_SIZE(flags_types); i++) {
		if (strcmp(flags_types[i].feature, feature) == 0)
			write_flags_type(xml, &flags_types[i]);
	}
}

void gdb_target_xml_write(struct gdb_buffer *xml)
{
	const char *feature = NULL;

	gdb_buffer_printf(xml, "<?xml version=\"1.0\"?>\n"
			       "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
			       "<target version=\"1.0\">\n"
			       "<architecture>i386:x86-64</architecture>\n");
	for (unsigned i = 0; i < gdb_nr_registers; i++) {
		const struct gdb_register *reg = &gdb_registers[i];

		if (!feature || strcmp(feature, reg->feature) != 0) {
			if (feature)
				gdb_buffer_printf(xml, "</feature>\n");
			feature = reg->feature;
			start_feature(xml, feature);
		}
		write_register(xml, reg);
	}
	gdb_buffer_printf(xml, "</feature>\n</target>\n");
}
