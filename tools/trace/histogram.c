/* SPDX-License-Identifier: MIT */
/* The histogram's buckets: chunk 0 holds 0..63, chunk n >= 1 holds [2^(n+5), 2^(n+6)). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/trace/histogram.h"

struct bucket {
	unsigned chunk;
	unsigned index;
};

static struct bucket bucket_of(uint64_t value)
{
	unsigned top;

	if (value < HISTOGRAM_SUB_BUCKETS)
		return (struct bucket){ 0, (unsigned)value };
	top = 63u - (unsigned)__builtin_clzll(value);
	return (struct bucket){
		.chunk = top - HISTOGRAM_SUB_BITS + 1,
		.index = (unsigned)(value >> (top - HISTOGRAM_SUB_BITS)) &
			 (HISTOGRAM_SUB_BUCKETS - 1),
	};
}

/* The middle of a bucket halves the worst error to 1/128 of the value. */
static uint64_t bucket_middle(unsigned chunk, unsigned index)
{
	uint64_t width;

	if (chunk == 0)
		return index;
	width = UINT64_C(1) << (chunk - 1);
	return (HISTOGRAM_SUB_BUCKETS + (uint64_t)index) * width + width / 2;
}

static uint64_t *chunk_get(struct histogram *histogram, unsigned chunk)
{
	if (unlikely(!histogram->chunks[chunk]))
		histogram->chunks[chunk] = calloc(HISTOGRAM_SUB_BUCKETS, sizeof(uint64_t));
	return histogram->chunks[chunk];
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

int histogram_add(struct histogram *histogram, uint64_t value)
{
	struct bucket bucket = bucket_of(value);
	uint64_t *counts = chunk_get(histogram, bucket.chunk);

	if (unlikely(!counts))
		return -ENOMEM;
	counts[bucket.index]++;
	if (histogram->count++ == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->sum = add_saturated(histogram->sum, value);
	return 0;
}

int histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (from->count == 0)
		return 0;
	for (unsigned chunk = 0; chunk < HISTOGRAM_CHUNKS; chunk++)
		if (from->chunks[chunk] && !chunk_get(into, chunk))
			return -ENOMEM;
	for (unsigned chunk = 0; chunk < HISTOGRAM_CHUNKS; chunk++)
		for (unsigned i = 0; from->chunks[chunk] && i < HISTOGRAM_SUB_BUCKETS; i++)
			into->chunks[chunk][i] += from->chunks[chunk][i];
	into->min = into->count == 0 ? from->min : MIN(into->min, from->min);
	into->max = MAX(into->max, from->max);
	into->count += from->count;
	into->sum = add_saturated(into->sum, from->sum);
	return 0;
}

/* The rank (from 1) that a percentile asks for: ceil(count * share), without overflow. */
static uint64_t rank_of(uint64_t count, unsigned basis_points)
{
	uint64_t whole = count / 10000 * basis_points;
	uint64_t rest = (count % 10000 * basis_points + 9999) / 10000;

	return MIN(MAX(whole + rest, 1), count);
}

uint64_t histogram_percentile(const struct histogram *histogram, unsigned basis_points)
{
	uint64_t rank = rank_of(histogram->count, basis_points), seen = 0;

	if (histogram->count == 0)
		return 0;
	/* The extremes are known exactly. */
	if (rank == 1)
		return histogram->min;
	if (rank == histogram->count)
		return histogram->max;
	for (unsigned chunk = 0; chunk < HISTOGRAM_CHUNKS; chunk++) {
		for (unsigned i = 0; histogram->chunks[chunk] && i < HISTOGRAM_SUB_BUCKETS; i++) {
			seen += histogram->chunks[chunk][i];
			if (seen >= rank)
				return MAX(MIN(bucket_middle(chunk, i), histogram->max),
					   histogram->min);
		}
	}
	return histogram->max;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
	return histogram->count ? histogram->sum / histogram->count : 0;
}

void histogram_clear(struct histogram *histogram)
{
	for (unsigned chunk = 0; chunk < HISTOGRAM_CHUNKS; chunk++)
		free(histogram->chunks[chunk]);
	memset(histogram, 0, sizeof(*histogram));
}
