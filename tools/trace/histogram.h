/* SPDX-License-Identifier: MIT */
/*
 * A histogram of 64-bit values (here: nanoseconds) with a bounded relative error, in the manner of
 * HDR histograms: each power of two is cut into 64 buckets of equal width.
 *
 * Count, sum, minimum and maximum are exact.  Memory does not depend on the number of values: 512
 * bytes for each power of two that occurs, never above HISTOGRAM_MAX_BYTES.  Not thread-safe.
 */
#ifndef GLASSBOX_TOOLS_TRACE_HISTOGRAM_H
#define GLASSBOX_TOOLS_TRACE_HISTOGRAM_H

#include "base/util.h"

#define HISTOGRAM_SUB_BITS    6u
#define HISTOGRAM_SUB_BUCKETS (1u << HISTOGRAM_SUB_BITS)
/* Values below 64 share the first chunk, one bucket each; then one chunk a power of two. */
#define HISTOGRAM_CHUNKS      (64u - HISTOGRAM_SUB_BITS + 1u)
#define HISTOGRAM_MAX_BYTES   (HISTOGRAM_CHUNKS * HISTOGRAM_SUB_BUCKETS * sizeof(uint64_t))

/* All bytes zero is an empty histogram. */
struct histogram {
	uint64_t count;
	uint64_t sum; /* saturates at UINT64_MAX */
	uint64_t min; /* 0 while empty */
	uint64_t max;
	uint64_t *chunks[HISTOGRAM_CHUNKS]; /* owned; NULL where no value fell */
};

/** histogram_add() - count @value once.  Return: 0, or -ENOMEM with nothing counted. */
int histogram_add(struct histogram *histogram, uint64_t value) __must_check;

/** histogram_merge() - count in @into every value of @from.  Return: 0, or -ENOMEM with @into
 * unchanged. */
int histogram_merge(struct histogram *into, const struct histogram *from) __must_check;

/**
 * histogram_percentile() - the value that a share of all values does not exceed (nearest rank)
 * @basis_points: the share in 1/10000: 5000 is the median, 9990 is p99.9
 *
 * Return: a value within 0.8 % of the exact one (exact below 64, and never outside [min, max]); 0
 * for an empty histogram.
 */
uint64_t histogram_percentile(const struct histogram *histogram, unsigned basis_points);

/** histogram_mean() - the arithmetic mean, rounded down; 0 for an empty histogram */
uint64_t histogram_mean(const struct histogram *histogram);

/** histogram_clear() - free what @histogram owns and make it empty */
void histogram_clear(struct histogram *histogram);

#endif
