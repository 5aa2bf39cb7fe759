/* SPDX-License-Identifier: MIT */
/* Reads the symbols of this very program, which is an ELF file with known functions. */
#include <errno.h>
#include <string.h>

#include "base/elf_symbols.h"
#include "tests/unit/cmocka_all.h"

__attribute__((noinline, used)) static int known_function(int value)
{
	return value * 3 + 1;
}

static void finds_by_name_and_by_address(void **state)
{
	struct elf_symbols *symbols = NULL;
	struct elf_symbol symbol, again;
	struct error error = { 0 };
	char text[128];

	(void)state;
	assert_int_equal(elf_symbols_open("/proc/self/exe", &symbols, &error), 0);
	assert_int_equal(elf_symbols_lookup(symbols, "known_function", &symbol), 0);
	assert_true(symbol.is_function);
	assert_true(symbol.size > 0);
	assert_int_equal(elf_symbols_find(symbols, symbol.start + symbol.size - 1, &again), 0);
	assert_string_equal(again.name, "known_function");
	assert_string_equal(elf_symbols_format(symbols, symbol.start + 1, text, sizeof(text)),
			    "known_function+0x1");
	elf_symbols_set_slide(symbols, 0x10000000);
	assert_int_equal(elf_symbols_find(symbols, symbol.start + 0x10000000, &again), 0);
	assert_string_equal(again.name, "known_function");
	assert_int_equal(again.start, symbol.start + 0x10000000);
	assert_int_equal(elf_symbols_find(symbols, 0, &again), -ENOENT);
	assert_int_equal(elf_symbols_lookup(symbols, "no such symbol", &again), -ENOENT);
	elf_symbols_close(symbols);
	assert_int_equal(known_function(1), 4);
}

static void says_why_a_file_is_no_use(void **state)
{
	struct elf_symbols *symbols = NULL;
	struct error error = { 0 };

	(void)state;
	assert_int_equal(elf_symbols_open("/nonexistent", &symbols, &error), -ENOENT);
	assert_int_equal(elf_symbols_open("/proc/self/cmdline", &symbols, &error), -ENOEXEC);
	assert_non_null(strstr(error.message, "not an ELF file"));
	assert_null(symbols);
	elf_symbols_close(NULL);
	assert_string_equal(elf_symbols_format(NULL, 0x12, (char[32]){ 0 }, 32), "0x12");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_name_and_by_address),
		cmocka_unit_test(says_why_a_file_is_no_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
