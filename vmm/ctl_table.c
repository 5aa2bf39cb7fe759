/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/ctl_table.h"

/* C0, DEL and C1, of which U+0080 to U+009F have two bytes. */
char *ctl_printable(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < ' ' || *at == 0x7f)
			*at = '?';
		else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
	return text;
}

static bool reserve(struct ctl_table *table)
{
	unsigned max = table->max_cells ? table->max_cells * 2 : 64;
	char **cells;

	if (table->nr_cells < table->max_cells)
		return true;
	cells = reallocarray(table->cells, max, sizeof(*cells));
	if (!cells)
		return false;
	table->cells = cells;
	table->max_cells = max;
	return true;
}

void ctl_table_add(struct ctl_table *table, const char *format, ...)
{
	char *cell = NULL;
	va_list args;

	va_start(args, format);
	if (!reserve(table) || vasprintf(&cell, format, args) < 0)
		table->failed = true;
	else
		table->cells[table->nr_cells++] = ctl_printable(cell);
	va_end(args);
}

static void print_cell(FILE *out, const char *text, unsigned width, bool right)
{
	(void)fprintf(out, "%*s", right ? (int)width : -(int)width, text);
}

void ctl_table_print(struct ctl_table *table, FILE *out)
{
	unsigned widths[CTL_TABLE_COLUMNS] = { 0 };

	for (unsigned i = 0; i < table->nr_cells; i++) {
		unsigned *width = &widths[i % table->nr_columns];

		*width = MAX(*width, (unsigned)strlen(table->cells[i]));
	}
	/* Half a table would be worse than none. */
	for (unsigned i = 0; i < table->nr_cells && !table->failed; i++) {
		unsigned column = i % table->nr_columns;
		bool last = column + 1 == table->nr_columns, right = table->right >> column & 1;

		print_cell(out, table->cells[i], last && !right ? 0 : widths[column], right);
		(void)fputs(last ? "\n" : "  ", out);
	}
	for (unsigned i = 0; i < table->nr_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct ctl_table){ .nr_columns = table->nr_columns, .right = table->right };
}
