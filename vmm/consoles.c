/* SPDX-License-Identifier: MIT */
#include "vmm/consoles.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "devices/backend/chardev.h"
#include "devices/virtio/console.h"
#include "vmm/panic_watch.h"
#include "vmm/virtio/options.h"

struct line {
	struct chardev *chr;
	const char *name;         /* of a port that is no console */
	struct panic_watch panic; /* the device's lock; or while all vCPUs are parked */
};

/* The serial port's line comes first, then the ports' in their order. */
struct consoles {
	struct line lines[1 + CONSOLE_MAX_PORTS];
	unsigned nr_lines;
	struct virtio_dev *virtio; /* plugged in; borrowed */
};

static int open_line(struct consoles *consoles, const struct consoles_config *config,
		     const char *where, const char *name, struct error *error)
{
	const struct chardev_config chr = {
		.loop = config->loop,
		.quit = config->quit,
		.quit_ctx = config->quit_ctx,
		.session = name != NULL,
	};
	struct line *line = &consoles->lines[consoles->nr_lines];
	int r = chardev_create(where, &chr, &line->chr, error);

	if (r < 0)
		return r;
	line->name = name;
	consoles->nr_lines++;
	return 0;
}

int consoles_open(const struct consoles_config *config, struct consoles **ret_consoles,
		  struct error *error)
{
	struct consoles *consoles = calloc(1, sizeof(*consoles));
	int r;

	if (!consoles)
		return error_set_errno(error, -ENOMEM, "cannot open the consoles");
	r = open_line(consoles, config, config->serial, NULL, error);
	for (unsigned i = 0; r == 0 && config->ports && i < config->ports->nr; i++)
		r = open_line(consoles, config, config->ports->ports[i].where,
			      config->ports->ports[i].name, error);
	if (r < 0) {
		consoles_close(consoles);
		return r;
	}
	*ret_consoles = consoles;
	return 0;
}

void consoles_close(struct consoles *consoles)
{
	if (!consoles)
		return;
	for (unsigned i = 0; i < consoles->nr_lines; i++)
		chardev_destroy(consoles->lines[i].chr);
	free(consoles);
}

static void line_write(void *ctx, const void *buf, size_t len)
{
	struct line *line = ctx;

	panic_watch_feed(&line->panic, buf, len);
	chardev_write(line->chr, buf, len);
}

static void line_resume(void *ctx)
{
	chardev_resume(((struct line *)ctx)->chr);
}

static struct char_backend line_backend(struct line *line)
{
	/* What programs tell each other is no business of ours. */
	if (line->name)
		return chardev_backend(line->chr);
	return (struct char_backend){ .write = line_write, .resume = line_resume, .ctx = line };
}

struct char_backend consoles_serial_backend(struct consoles *consoles)
{
	return line_backend(&consoles->lines[0]);
}

struct char_backend consoles_port_backend(struct consoles *consoles, unsigned index)
{
	return line_backend(&consoles->lines[1 + index]);
}

void consoles_plug_serial(struct consoles *consoles, const struct char_receiver *receiver)
{
	chardev_set_receiver(consoles->lines[0].chr, receiver);
}

void consoles_plug_virtio(struct consoles *consoles, struct virtio_dev *vdev)
{
	consoles->virtio = vdev;
	for (unsigned i = 1; i < consoles->nr_lines; i++) {
		struct char_receiver receiver = virtio_console_receiver(vdev, i - 1);

		chardev_set_receiver(consoles->lines[i].chr, &receiver);
	}
}

void consoles_unplug(struct consoles *consoles)
{
	if (!consoles)
		return;
	consoles->virtio = NULL;
	for (unsigned i = 0; i < consoles->nr_lines; i++) {
		chardev_set_receiver(consoles->lines[i].chr, NULL);
		consoles->lines[i].panic = (struct panic_watch){ 0 };
	}
}

void consoles_flush(struct consoles *consoles)
{
	if (consoles->virtio)
		virtio_console_flush(consoles->virtio);
	for (unsigned i = 0; i < consoles->nr_lines; i++)
		chardev_flush(consoles->lines[i].chr);
}

void consoles_check_size(struct consoles *consoles)
{
	for (unsigned i = 0; i < consoles->nr_lines; i++)
		chardev_check_size(consoles->lines[i].chr);
}

const char *consoles_panic(const struct consoles *consoles)
{
	const char *message = "";

	for (unsigned i = 0; i < consoles->nr_lines && message[0] == '\0'; i++)
		message = consoles->lines[i].panic.message;
	return message;
}

void consoles_log_addresses(const struct consoles *consoles)
{
	unsigned hvc = 0;

	for (unsigned i = 0; i < consoles->nr_lines; i++) {
		const struct line *line = &consoles->lines[i];
		const char *address = chardev_address(line->chr);

		if (address && line->name)
			log_info("port '%s' at %s", line->name, address);
		else if (address && i > 0)
			log_info("console hvc%u at %s", hvc, address);
		else if (address)
			log_info("console at %s", address);
		hvc += i > 0 && !line->name;
	}
}
