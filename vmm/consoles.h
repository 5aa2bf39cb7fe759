/* SPDX-License-Identifier: MIT */
/*
 * The host side of a machine's consoles: one line for the serial port, one for each port of the
 * virtio console.  They outlive a machine that resets.
 *
 * What a kernel prints on any of its consoles is looked through for the words of its panic.  Main
 * thread, which is the loop's, but for the backends.
 */
#ifndef GLASSBOX_VMM_CONSOLES_H
#define GLASSBOX_VMM_CONSOLES_H

#include "base/error.h"
#include "base/loop.h"
#include "devices/backend/char_backend.h"

struct consoles;
struct console_options;
struct virtio_dev;

struct consoles_config {
	const char *serial;                  /* as chardev_create() wants it */
	const struct console_options *ports; /* of the virtio console; NULL: there is none */
	struct loop *loop;                   /* borrowed until consoles_close() */
	void (*quit)(void *ctx);             /* the user wants the end of the machine */
	void *quit_ctx;
};

/** consoles_open() - all lines.  Return: 0, or -errno with @error set. */
int consoles_open(const struct consoles_config *config, struct consoles **ret_consoles,
		  struct error *error) __must_check;

/** consoles_close() - write what is left and close them; nothing is plugged in; NULL is fine */
void consoles_close(struct consoles *consoles);

/** consoles_serial_backend() / consoles_port_backend() - what a device is made with */
struct char_backend consoles_serial_backend(struct consoles *consoles);
struct char_backend consoles_port_backend(struct consoles *consoles, unsigned index);

/** consoles_plug_serial() / consoles_plug_virtio() - the device that takes the input is there */
void consoles_plug_serial(struct consoles *consoles, const struct char_receiver *receiver);
void consoles_plug_virtio(struct consoles *consoles, struct virtio_dev *vdev);

/** consoles_unplug() - the machine is about to go, or was never finished; NULL is fine */
void consoles_unplug(struct consoles *consoles);

/** consoles_flush() - hand the host what the guest has printed until now; the guest has stopped */
void consoles_flush(struct consoles *consoles);

/** consoles_check_size() - SIGWINCH: the terminal may have another size */
void consoles_check_size(struct consoles *consoles);

/**
 * consoles_panic() - what a kernel's panic said, since something was plugged in
 *
 * The vCPUs are parked.  Return: "" if there was none; until consoles_unplug().
 */
const char *consoles_panic(const struct consoles *consoles);

/** consoles_log_addresses() - tell the user what to connect to */
void consoles_log_addresses(const struct consoles *consoles);

#endif
