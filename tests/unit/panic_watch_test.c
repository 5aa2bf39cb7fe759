/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "vmm/panic_watch.h"

static void feed(struct panic_watch *watch, const char *text)
{
	panic_watch_feed(watch, text, strlen(text));
}

static void finds_the_first_panic_byte_by_byte(void **state)
{
	const char *text = "[    1.0] Kernel panic - not syncing: no init\x1b[0m found\r\n"
			   "[    1.1] Kernel panic - not syncing: second\n";
	struct panic_watch watch = { 0 };

	(void)state;
	for (size_t i = 0; i < strlen(text); i++)
		panic_watch_feed(&watch, text + i, 1);
	assert_string_equal(watch.message, "no init[0m found");
}

static void nothing_else_is_a_panic(void **state)
{
	struct panic_watch watch = { 0 };
	char noise[4096];

	(void)state;
	feed(&watch, "kernel panic\nKernel panic - \nnot syncing: x\n");
	memset(noise, 'A', sizeof(noise));
	panic_watch_feed(&watch, noise, sizeof(noise));
	feed(&watch, "\n");
	assert_string_equal(watch.message, "");
	feed(&watch, "Kernel panic - not syncing: without a line's end");
	assert_string_equal(watch.message, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_first_panic_byte_by_byte),
		cmocka_unit_test(nothing_else_is_a_panic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
