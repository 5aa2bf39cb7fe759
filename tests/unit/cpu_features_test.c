/* SPDX-License-Identifier: MIT */
/* The parser of --cpu, and the table of features it knows. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "vmm/cpu_features.h"

static void parse_reports_mistakes(void **state)
{
	static const struct {
		const char *text, *message;
	} mistakes[] = {
		{ "host,-avx22", "--cpu: unknown feature 'avx22', did you mean 'avx2'?" },
		{ "host,+x2apc", "--cpu: unknown feature 'x2apc', did you mean 'x2apic'?" },
		{ "host,-invtcs", "--cpu: unknown feature 'invtcs', did you mean 'invtsc'?" },
		{ "host,-quantum", "--cpu: unknown feature 'quantum' (see --cpu help)" },
		{ "host,-", "--cpu: unknown feature '' (see --cpu help)" },
		{ "host,avx",
		  "--cpu: write '+avx' to require the feature or '-avx' to take it away" },
		{ "host,", "--cpu: a feature is missing between two commas" },
		{ "host,,-avx", "--cpu: a feature is missing between two commas" },
		{ "EPYC,-avx", "--cpu: unknown model 'EPYC', the only one is 'host' (as in --cpu "
			       "host,-avx)" },
		{ "", "--cpu: unknown model '', the only one is 'host' (as in --cpu host,-avx)" },
		{ "host,-avx,+avx", "--cpu: 'avx' is both required and taken away" },
		{ "host,+avx2,-avx",
		  "--cpu: 'avx2' is required, but builds on a feature that is taken away" },
		{ "host,-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "--cpu: unknown feature '-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...' (see --cpu "
		  "help)" },
	};
	struct cpu_model model;
	struct error error;

	(void)state;
	memset(&model, 0xa5, sizeof(model));
	for (unsigned i = 0; i < ARRAY_SIZE(mistakes); i++) {
		assert_int_equal(cpu_model_parse(mistakes[i].text, &model, &error), -EINVAL);
		assert_string_equal(error.message, mistakes[i].message);
	}
	assert_int_equal(model.removed[0], 0xa5a5a5a5a5a5a5a5); /* nothing written */
}

static void names_have_two_spellings(void **state)
{
	static const char *const pairs[][2] = {
		{ "sse4_1", "sse4.1" },          { "pni", "SSE3" },
		{ "lahf_lm", "lahf-lm" },        { "nonstop_tsc", "invtsc" },
		{ "avx512_vnni", "avx512vnni" }, { "tsc_deadline_timer", "tsc-deadline" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
		size_t a = 0, b = 1;

		assert_int_equal(cpu_feature_find(pairs[i][0], &a), 0);
		assert_int_equal(cpu_feature_find(pairs[i][1], &b), 0);
		assert_int_equal(a, b);
	}
}

static void table_is_sound(void **state)
{
	size_t found;

	(void)state;
	for (size_t i = 0; i < cpu_features_nr; i++) {
		const struct cpu_feature *a = &cpu_features[i];

		/* every name leads to its own row, so none is there twice */
		assert_int_equal(cpu_feature_find(a->name, &found), 0);
		assert_int_equal(found, i);
		assert_true(strlen(a->name) < 40);
		if (a->alias) {
			assert_int_equal(cpu_feature_find(a->alias, &found), 0);
			assert_int_equal(found, i);
		}
		assert_int_not_equal(a->mask, 0);
		for (size_t j = 0; j < i; j++)
			assert_false(a->leaf == cpu_features[j].leaf &&
				     a->index == cpu_features[j].index &&
				     a->reg == cpu_features[j].reg &&
				     a->mask & cpu_features[j].mask);
	}
	for (size_t i = 0; i < cpu_feature_dependencies_nr; i++) {
		size_t name, needs;

		assert_int_equal(cpu_feature_find(cpu_feature_dependencies[i].name, &name), 0);
		assert_int_equal(cpu_feature_find(cpu_feature_dependencies[i].needs, &needs), 0);
		assert_int_not_equal(name, needs);
	}
}

static void bits_are_where_the_manuals_have_them(void **state)
{
	static const struct cpu_feature known[] = {
		{ "cx16", NULL, 1, 0, CPUID_ECX, 1u << 13 },
		{ "x2apic", NULL, 1, 0, CPUID_ECX, 1u << 21 },
		{ "avx", NULL, 1, 0, CPUID_ECX, 1u << 28 },
		{ "avx2", NULL, 7, 0, CPUID_EBX, 1u << 5 },
		{ "umip", NULL, 7, 0, CPUID_ECX, 1u << 2 },
		{ "serialize", NULL, 7, 0, CPUID_EDX, 1u << 14 },
		{ "lm", NULL, 0x80000001, 0, CPUID_EDX, 1u << 29 },
		{ "svm", NULL, 0x80000001, 0, CPUID_ECX, 1u << 2 },
		{ "invtsc", NULL, 0x80000007, 0, CPUID_EDX, 1u << 8 },
		{ "xsaves", NULL, 0xd, 1, CPUID_EAX, 1u << 3 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		size_t found = 0;

		assert_int_equal(cpu_feature_find(known[i].name, &found), 0);
		assert_int_equal(cpu_features[found].leaf, known[i].leaf);
		assert_int_equal(cpu_features[found].index, known[i].index);
		assert_int_equal(cpu_features[found].reg, known[i].reg);
		assert_int_equal(cpu_features[found].mask, known[i].mask);
	}
}

static void help_lists_every_feature(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, lines = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	cpu_features_write_help(out);
	assert_int_equal(fclose(out), 0);
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	assert_int_equal(lines, 4 + cpu_features_nr);
	assert_non_null(strstr(text, "  avx2                   CPUID 0x7.0:EBX[5]\n"));
	assert_non_null(strstr(text, "CPUID 0x80000007.0:EDX[8], also nonstop_tsc\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_reports_mistakes),
		cmocka_unit_test(names_have_two_spellings),
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(bits_are_where_the_manuals_have_them),
		cmocka_unit_test(help_lists_every_feature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
