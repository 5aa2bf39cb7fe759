/* SPDX-License-Identifier: MIT */
#include "vmm/suboptions.h"

#include <errno.h>
#include <string.h>

#define MAX_SUBOPTIONS 32

/* Cuts the next item off @*text, which is NULL after the last one. */
static char *next_item(char **text)
{
	char *item = *text, *to = item;

	for (const char *from = item;; from++) {
		if (*from == ',' && from[1] == ',') {
			from++;
		} else if (*from == ',' || *from == '\0') {
			*text = *from == ',' ? item + (from - item) + 1 : NULL;
			*to = '\0';
			return item;
		}
		*to++ = *from;
	}
}

static const struct suboption *find(const struct suboption *table, const char *key)
{
	for (; table->parse; table++)
		if (table->key && strcmp(table->key, key) == 0)
			return table;
	return NULL;
}

static int parse_item(const struct suboption *suboption, char *value, void *ret,
		      struct error *error)
{
	return suboption->parse(value, (char *)ret + suboption->offset, error);
}

static int parse_pair(const struct suboption *table, char *item, bool *seen, void *ret,
		      struct error *error)
{
	char *value = strchr(item, '=');
	const struct suboption *suboption;
	struct error cause;
	int r;

	if (value)
		*value++ = '\0';
	suboption = find(table, item);
	if (!suboption)
		return error_set_usage(error, "'%s' is not known", item);
	if (seen[suboption - table] && !suboption->repeats)
		return error_set_usage(error, "'%s' is there twice", item);
	seen[suboption - table] = true;
	r = parse_item(suboption, value, ret, &cause);
	return r < 0 ? error_set_usage(error, "%s %s", item, cause.message) : 0;
}

int suboptions_parse(char *text, const struct suboption *table, void *ret, struct error *error)
{
	bool seen[MAX_SUBOPTIONS] = { false };
	int r = 0;

	if (!table->key && table->parse)
		r = parse_item(table, next_item(&text), ret, error);
	while (r == 0 && text)
		r = parse_pair(table, next_item(&text), seen, ret, error);
	return r;
}

int suboption_text(char *value, void *field, struct error *error)
{
	if (!value || !*value)
		return error_set_usage(error, "needs a value");
	*(const char **)field = value;
	return 0;
}

int suboption_flag(char *value, void *field, struct error *error)
{
	if (value)
		return error_set_usage(error, "takes no value");
	*(bool *)field = true;
	return 0;
}
