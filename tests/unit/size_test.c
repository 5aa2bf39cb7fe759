/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/size.h"
#include "tests/unit/cmocka_all.h"

static void size_parse_accepts_suffixes(void **state)
{
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(size_parse("512M", 1, &bytes), 0);
	assert_int_equal(bytes, MIB(512));
	assert_int_equal(size_parse("4GiB", 1, &bytes), 0);
	assert_int_equal(bytes, GIB(4));
	assert_int_equal(size_parse("3g", 1, &bytes), 0);
	assert_int_equal(bytes, GIB(3));
	assert_int_equal(size_parse("8kb", 1, &bytes), 0);
	assert_int_equal(bytes, KIB(8));
	assert_int_equal(size_parse("256", MIB(1), &bytes), 0);
	assert_int_equal(bytes, MIB(256));
	assert_int_equal(size_parse("17B", MIB(1), &bytes), 0);
	assert_int_equal(bytes, 17);
}

static void size_parse_refuses_the_rest(void **state)
{
	static const char *const bad[] = { "",   "M",  "-1",  "+1",  " 1",
					   "1 ", "1X", "1MM", "1iB", "0x10" };
	uint64_t bytes = 42;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(size_parse(bad[i], 1, &bytes), -EINVAL);
	assert_int_equal(size_parse("99999999999999999999", 1, &bytes), -ERANGE);
	assert_int_equal(size_parse("18446744073709551615K", 1, &bytes), -ERANGE);
	assert_int_equal(bytes, 42);
}

static void number_parse_keeps_bounds(void **state)
{
	uint64_t value = 42;

	(void)state;
	assert_int_equal(number_parse("32", 1, 32, &value), 0);
	assert_int_equal(value, 32);
	assert_int_equal(number_parse("0x1f", 1, 32, &value), 0);
	assert_int_equal(value, 31);
	assert_int_equal(number_parse("33", 1, 32, &value), -ERANGE);
	assert_int_equal(number_parse("0", 1, 32, &value), -ERANGE);
	assert_int_equal(number_parse("", 1, 32, &value), -EINVAL);
	assert_int_equal(number_parse("0x", 1, 32, &value), -EINVAL);
	assert_int_equal(number_parse("4.", 1, 32, &value), -EINVAL);
	assert_int_equal(value, 31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_parse_accepts_suffixes),
		cmocka_unit_test(size_parse_refuses_the_rest),
		cmocka_unit_test(number_parse_keeps_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
