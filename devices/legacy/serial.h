/* SPDX-License-Identifier: MIT */
/*
 * A 16550A UART (National Semiconductor PC16550D data sheet; section numbers below are its own).
 *
 * The transmitter is infinitely fast: a byte written to THR is at the backend before the write
 * returns.  Baud rate and character format are stored and have no effect.
 */
#ifndef GLASSBOX_DEVICES_LEGACY_SERIAL_H
#define GLASSBOX_DEVICES_LEGACY_SERIAL_H

#include "devices/backend/char_backend.h"
#include "devices/device.h"

#define SERIAL_NR_PORTS  8
#define SERIAL_FIFO_SIZE 16

struct serial_config {
	const char *name;            /* e.g. "serial0"; borrowed */
	struct irq_line irq;         /* COM1: IRQ 4, COM2: IRQ 3 */
	struct char_backend backend; /* takes the guest's output */
};

/**
 * serial_create() - a UART in its state after power-on
 *
 * Return: 0 or -ENOMEM.  Freed by its destroy operation, after vCPUs and backend have stopped.
 */
int serial_create(const struct serial_config *config, struct device **ret_dev) __must_check;

/**
 * serial_receive() - bytes from the host for the guest; any thread
 *
 * Accepts what the receive FIFO has room for, and nothing until the guest listens: until it enabled
 * the receive interrupt or polls the line status register.  So what was typed (or piped in) while
 * the guest booted is not lost when its driver clears the FIFO.  After less than @len was accepted,
 * the backend's resume() tells when to offer the rest.
 *
 * Return: the number of bytes accepted, 0..@len.
 */
size_t serial_receive(struct device *dev, const void *buf, size_t len) __must_check;

/** serial_receiver() - serial_receive() on @dev, in the form that chardev_set_receiver() wants */
struct char_receiver serial_receiver(struct device *dev);

#endif
