/* SPDX-License-Identifier: MIT */
/*
 * Wide accesses to devices with byte registers.  As on the ISA bus, an access of several bytes is
 * one of a byte each to consecutive ports; where no register is, reads give ones.
 */
#ifndef GLASSBOX_DEVICES_LEGACY_BYTE_PORT_H
#define GLASSBOX_DEVICES_LEGACY_BYTE_PORT_H

#include "base/util.h"

typedef uint8_t (*byte_port_read_fn)(void *ctx, unsigned reg);
typedef void (*byte_port_write_fn)(void *ctx, unsigned reg, uint8_t value);

static inline void byte_port_read(uint64_t off, void *buf, unsigned len, unsigned nr_regs,
				  byte_port_read_fn fn, void *ctx)
{
	uint8_t *bytes = buf;

	for (unsigned i = 0; i < len; i++)
		bytes[i] = range_within(off, i + 1, 0, nr_regs) ? fn(ctx, (unsigned)off + i) : 0xff;
}

static inline void byte_port_write(uint64_t off, const void *buf, unsigned len, unsigned nr_regs,
				   byte_port_write_fn fn, void *ctx)
{
	const uint8_t *bytes = buf;

	for (unsigned i = 0; i < len && range_within(off, i + 1, 0, nr_regs); i++)
		fn(ctx, (unsigned)off + i, bytes[i]);
}

#endif
