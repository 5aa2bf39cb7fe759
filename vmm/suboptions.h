/* SPDX-License-Identifier: MIT */
/*
 * The argument of an option that describes a device: items between commas, "KEY=VALUE" or "FLAG".
 * A comma that is part of an item is written twice.
 */
#ifndef GLASSBOX_VMM_SUBOPTIONS_H
#define GLASSBOX_VMM_SUBOPTIONS_H

#include "base/error.h"

struct suboption {
	const char *key; /* NULL: the first item, as a whole and whatever it is; its entry is the
			    table's first */
	/*
	 * @value: what follows the '=', or the whole first item; it lives as long as the argument
	 * NULL for an item without '='.  @field is where `offset` leads.  Returns 0, or -EINVAL
	 * with @error set by error_set_usage(), a message that goes on after the item: "'x' is
	 * ...".
	 */
	int (*parse)(char *value, void *field, struct error *error);
	size_t offset; /* of the field in the structure that is filled */
	bool repeats;  /* may be given more than once */
};

/**
 * suboptions_parse() - fill a structure by what the user wrote
 * @text: the argument; is taken apart in place, and has to live as long as values do
 * @table: ends with an entry without `parse`
 * @ret: the structure; also written on failure
 *
 * Each key may be given once, unless it repeats.  Return: 0, or -EINVAL with @error set, the
 * message without the option's name.
 */
int suboptions_parse(char *text, const struct suboption *table, void *ret, struct error *error)
	__must_check;

/* Parsers for fields of common types. */

/** suboption_text() - const char *: any text but "" */
int suboption_text(char *value, void *field, struct error *error);

/** suboption_flag() - bool: true if the item is there; it takes no value */
int suboption_flag(char *value, void *field, struct error *error);

#endif
