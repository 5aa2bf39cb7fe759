/* SPDX-License-Identifier: MIT */
/*
 * Text in columns that are as wide as what is in them, on somebody's terminal: what it shows comes
 * from whoever answers at a socket.
 */
#ifndef GLASSBOX_VMM_CTL_TABLE_H
#define GLASSBOX_VMM_CTL_TABLE_H

#include <stdio.h>

#include "base/util.h"

#define CTL_TABLE_COLUMNS 16u

struct ctl_table {
	unsigned nr_columns; /* 1..CTL_TABLE_COLUMNS */
	uint32_t right;      /* a bit for each column that is aligned to the right */
	char **cells;        /* nr_cells, row by row */
	unsigned nr_cells, max_cells;
	bool failed; /* there was no memory for a cell */
};

/** ctl_printable() - replace what controls a terminal in @text, which is UTF-8.  Return: @text */
char *ctl_printable(char *text);

/** ctl_table_add() - the next cell, made printable; rows are full before the next begins */
void ctl_table_add(struct ctl_table *table, const char *format, ...) __printf(2, 3);

/** ctl_table_print() - all rows, without blanks at their ends; and forget them */
void ctl_table_print(struct ctl_table *table, FILE *out);

#endif
