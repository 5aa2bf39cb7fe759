/* SPDX-License-Identifier: MIT */
/*
 * Holds docs/tracing.md against TRACE_EVENTS: a row of the table of events for each event, in that
 * order, with its fields in theirs ("| `event` | ... | `field`, `field` |"), and a row of the
 * table of fields for each field.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "trace/trace.h"

struct documented {
	const char *name;
	const char *args; /* "(vcpu, seq)" */
};

#define DOCUMENTED(name, params, args) { #name, #args },
static const struct documented events[] = { TRACE_EVENTS(DOCUMENTED) };

/* Reads up to the line @heading, so that the next lines are of that section. */
static void find_heading(FILE *file, const char *heading)
{
	char line[1024];

	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, heading) == 0)
			return;
	}
	fail_msg("no heading '%s' in %s", heading, TRACING_DOCUMENT);
}

/* The next row "| `..." of the section.  Return: false at its end. */
static bool next_row(FILE *file, char *ret_row, int size)
{
	while (fgets(ret_row, size, file)) {
		if (ret_row[0] == '#')
			return false;
		if (strncmp(ret_row, "| `", 3) == 0) {
			ret_row[strcspn(ret_row, "\n")] = '\0';
			return true;
		}
	}
	return false;
}

/* The names in back quotes of @row from its column @column (from 0), as "(a, b)". */
static void names_of_column(const char *row, unsigned column, char *ret_names, size_t size)
{
	size_t used = 1;

	/* Behind the bar that opens the column. */
	for (unsigned bars = 0; *row && bars <= column; row++)
		bars += *row == '|';
	(void)snprintf(ret_names, size, "(");
	while (*row && *row != '|') {
		size_t len = strcspn(row, "`|");

		row += len;
		if (*row != '`')
			break;
		len = strcspn(++row, "`");
		assert_true(used + len + 4 < size);
		used += (size_t)snprintf(ret_names + used, size - used, "%s%.*s",
					 used > 1 ? ", " : "", (int)len, row);
		row += len + (row[len] == '`');
	}
	(void)snprintf(ret_names + used, size - used, ")");
}

static void each_event_has_its_row(void **state)
{
	_cleanup_fclose_ FILE *file = fopen(TRACING_DOCUMENT, "re");
	char row[1024], names[512], expected[512];

	(void)state;
	assert_non_null(file);
	find_heading(file, "## Events");
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
		if (!next_row(file, row, sizeof(row)))
			fail_msg("the event '%s' has no row", events[i].name);
		names_of_column(row, 0, names, sizeof(names));
		(void)snprintf(expected, sizeof(expected), "(%s)", events[i].name);
		assert_string_equal(names, expected);
		names_of_column(row, 3, names, sizeof(names));
		assert_string_equal(names, events[i].args);
	}
	if (next_row(file, row, sizeof(row)))
		fail_msg("a row of no event: %s", row);
}

/* True if @name is one of "(a, b, c)". */
static bool is_listed(const char *names, const char *name, size_t len)
{
	for (const char *at = names + 1; *at; at += strcspn(at, ",)") + 1) {
		at += *at == ' ';
		if (strcspn(at, ",)") == len && strncmp(at, name, len) == 0)
			return true;
	}
	return false;
}

/* Fills @ret_names with "(a, b)", all that the table of fields explains. */
static void read_fields(FILE *file, char *ret_names, size_t size)
{
	char row[1024], names[512];
	size_t used = (size_t)snprintf(ret_names, size, "(");

	find_heading(file, "## Fields");
	while (next_row(file, row, sizeof(row))) {
		names_of_column(row, 0, names, sizeof(names));
		names[strlen(names) - 1] = '\0';
		assert_true(used + strlen(names) + 3 < size);
		used += (size_t)snprintf(ret_names + used, size - used, "%s%s",
					 used > 1 ? ", " : "", names + 1);
	}
	(void)snprintf(ret_names + used, size - used, ")");
}

static void each_field_is_explained(void **state)
{
	_cleanup_fclose_ FILE *file = fopen(TRACING_DOCUMENT, "re");
	char fields[4096];

	(void)state;
	assert_non_null(file);
	read_fields(file, fields, sizeof(fields));
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
		const char *at = events[i].args + 1;

		while (*at) {
			size_t len = strcspn(at, ",)");

			if (!is_listed(fields, at, len))
				fail_msg("the field '%.*s' of '%s' is not explained", (int)len, at,
					 events[i].name);
			at += len + strspn(at + len, ",) ");
		}
	}
}

static void no_field_is_made_up(void **state)
{
	_cleanup_fclose_ FILE *file = fopen(TRACING_DOCUMENT, "re");
	char fields[4096];

	(void)state;
	assert_non_null(file);
	read_fields(file, fields, sizeof(fields));
	for (const char *at = fields + 1; *at;) {
		size_t len = strcspn(at, ",)");
		bool known = false;

		for (unsigned i = 0; i < ARRAY_SIZE(events); i++)
			known = known || is_listed(events[i].args, at, len);
		if (!known)
			fail_msg("the field '%.*s' is of no event", (int)len, at);
		at += len + strspn(at + len, ",) ");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_has_its_row),
		cmocka_unit_test(each_field_is_explained),
		cmocka_unit_test(no_field_is_made_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
