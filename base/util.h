/* SPDX-License-Identifier: MIT */
/* The few macros that every folder uses. */
#ifndef GLASSBOX_BASE_UTIL_H
#define GLASSBOX_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array)               (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))

/* The structure of @type whose @member is at @ptr. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define likely(x)                       __builtin_expect(!!(x), 1)
#define unlikely(x)                     __builtin_expect(!!(x), 0)
#define __must_check                    __attribute__((warn_unused_result))
#define __printf(f, a)                  __attribute__((format(printf, f, a)))
#define __exported                      __attribute__((visibility("default")))

#define KIB(n)                          ((uint64_t)(n) << 10)
#define MIB(n)                          ((uint64_t)(n) << 20)
#define GIB(n)                          ((uint64_t)(n) << 30)

/* @align is a power of two. */
#define ALIGN_DOWN(x, align)            ((x) & ~((uint64_t)(align)-1))
#define ALIGN_UP(x, align)              ALIGN_DOWN((x) + (uint64_t)(align)-1, align)

/* True if [@start, @start + @len) lies in [@base, @base + @size), without overflow. */
static inline bool range_within(uint64_t start, uint64_t len, uint64_t base, uint64_t size)
{
	return start >= base && len <= size && start - base <= size - len;
}

#endif
