/* SPDX-License-Identifier: MIT */
/* The histogram against an exact sort of the same values. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "tools/trace/histogram.h"

#define VALUES 50000u

static const unsigned shares[] = { 0, 1, 100, 1000, 2500, 5000, 9000, 9900, 9990, 9999, 10000 };

/* A small generator of our own: the same values on every machine (xorshift64). */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static double next_unit(uint64_t *state)
{
	return (double)(next_random(state) >> 11) / 9007199254740992.0;
}

static uint64_t value_uniform(uint64_t *state)
{
	return next_random(state) % 1000000;
}

static uint64_t value_small(uint64_t *state)
{
	return next_random(state) % 64;
}

static uint64_t value_exponential(uint64_t *state)
{
	return (uint64_t)(-8000.0 * log(1.0 - next_unit(state)));
}

static uint64_t value_log_uniform(uint64_t *state)
{
	return next_random(state) >> (next_random(state) % 64);
}

/* What an exit looks like: a narrow mode, and one in a thousand hit by the scheduler. */
static uint64_t value_bimodal(uint64_t *state)
{
	uint64_t value = 7700 + next_random(state) % 500;

	return next_random(state) % 1000 ? value : value + 4000000;
}

static uint64_t value_constant(uint64_t *state)
{
	(void)state;
	return 12345678;
}

static uint64_t value_top(uint64_t *state)
{
	return UINT64_MAX - next_random(state) % 1000;
}

static int compare_values(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static uint64_t exact_percentile(const uint64_t *sorted, size_t nr, unsigned basis_points)
{
	size_t rank = (nr * basis_points + 9999) / 10000;

	return sorted[(rank ? rank : 1) - 1];
}

static void check_percentiles(const struct histogram *histogram, const uint64_t *sorted, size_t nr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(shares); i++) {
		uint64_t exact = exact_percentile(sorted, nr, shares[i]);
		uint64_t found = histogram_percentile(histogram, shares[i]);
		uint64_t error = found > exact ? found - exact : exact - found;

		if (error > exact / 100)
			fail_msg("share %u of %zu: %llu, exactly %llu", shares[i], nr,
				 (unsigned long long)found, (unsigned long long)exact);
	}
}

static void check_distribution(uint64_t (*next)(uint64_t *state), size_t nr)
{
	uint64_t *values = calloc(nr, sizeof(*values));
	struct histogram histogram = { 0 };
	uint64_t state = 88172645463325252u, sum = 0;

	assert_non_null(values);
	for (size_t i = 0; i < nr; i++) {
		values[i] = next(&state);
		if (__builtin_add_overflow(sum, values[i], &sum))
			sum = UINT64_MAX;
		assert_int_equal(histogram_add(&histogram, values[i]), 0);
		if (sum == UINT64_MAX)
			break;
	}
	nr = histogram.count;
	qsort(values, nr, sizeof(*values), compare_values);
	assert_int_equal(histogram.min, values[0]);
	assert_int_equal(histogram.max, values[nr - 1]);
	assert_int_equal(histogram.sum, sum);
	check_percentiles(&histogram, values, nr);
	histogram_clear(&histogram);
	free(values);
}

static void percentiles_are_within_one_percent(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 10, 999, 1000, 1001, VALUES };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_distribution(value_uniform, sizes[i]);
		check_distribution(value_small, sizes[i]);
		check_distribution(value_exponential, sizes[i]);
		check_distribution(value_log_uniform, sizes[i]);
		check_distribution(value_bimodal, sizes[i]);
		check_distribution(value_constant, sizes[i]);
		check_distribution(value_top, sizes[i]);
	}
}

static void every_edge_of_every_power_of_two(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int delta = -1; delta <= 1; delta++) {
			uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)delta;
			/* Neighbours above and below, so that min and max do not help. */
			uint64_t sorted[3] = { value / 2, value,
					       value < UINT64_MAX / 2 ? value * 2 : UINT64_MAX };
			struct histogram histogram = { 0 };

			for (unsigned i = 0; i < 3; i++)
				assert_int_equal(histogram_add(&histogram, sorted[i]), 0);
			check_percentiles(&histogram, sorted, 3);
			histogram_clear(&histogram);
		}
	}
}

static void empty_has_no_values(void **state)
{
	struct histogram histogram = { 0 };

	(void)state;
	assert_int_equal(histogram_percentile(&histogram, 5000), 0);
	assert_int_equal(histogram_mean(&histogram), 0);
	histogram_clear(&histogram);
}

static void merge_is_like_adding_all(void **state)
{
	struct histogram parts[2] = { 0 }, whole = { 0 }, nothing = { 0 };
	uint64_t random = 42;

	(void)state;
	for (unsigned i = 0; i < VALUES; i++) {
		uint64_t value = i % 3 ? value_exponential(&random) : value_log_uniform(&random);

		assert_int_equal(histogram_add(&parts[i % 3 == 0], value), 0);
		assert_int_equal(histogram_add(&whole, value), 0);
	}
	assert_int_equal(histogram_merge(&parts[0], &parts[1]), 0);
	assert_int_equal(histogram_merge(&parts[0], &nothing), 0);
	assert_int_equal(parts[0].count, whole.count);
	assert_int_equal(parts[0].sum, whole.sum);
	assert_int_equal(parts[0].min, whole.min);
	assert_int_equal(parts[0].max, whole.max);
	for (unsigned share = 0; share <= 10000; share++)
		assert_int_equal(histogram_percentile(&parts[0], share),
				 histogram_percentile(&whole, share));
	assert_int_equal(histogram_merge(&nothing, &whole), 0);
	assert_int_equal(nothing.min, whole.min);
	histogram_clear(&parts[0]);
	histogram_clear(&parts[1]);
	histogram_clear(&whole);
	histogram_clear(&nothing);
}

static void memory_is_bounded(void **state)
{
	struct histogram histogram = { 0 };
	uint64_t random = 7;
	size_t bytes = 0;

	(void)state;
	for (unsigned i = 0; i < VALUES; i++)
		assert_int_equal(histogram_add(&histogram, value_log_uniform(&random)), 0);
	for (unsigned i = 0; i < HISTOGRAM_CHUNKS; i++)
		if (histogram.chunks[i])
			bytes += HISTOGRAM_SUB_BUCKETS * sizeof(uint64_t);
	assert_true(bytes <= HISTOGRAM_MAX_BYTES);
	assert_true(HISTOGRAM_MAX_BYTES <= 32768);
	histogram_clear(&histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_within_one_percent),
		cmocka_unit_test(every_edge_of_every_power_of_two),
		cmocka_unit_test(empty_has_no_values),
		cmocka_unit_test(merge_is_like_adding_all),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
