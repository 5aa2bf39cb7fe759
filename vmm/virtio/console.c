/* SPDX-License-Identifier: MIT */
/* --virtio-console: each is a port, and all are on one device. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "devices/virtio/console.h"
#include "vmm/consoles.h"
#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

_Static_assert(CONSOLE_MAX_PORTS == VIRTIO_CONSOLE_MAX_PORTS, "options and device agree");

/* The name becomes that of a file in the guest. */
static int parse_name(char *value, void *field, struct error *error)
{
	int r = suboption_text(value, field, error);

	if (r < 0)
		return r;
	if (strlen(value) > VIRTIO_CONSOLE_PORT_NAME_MAX)
		return error_set_usage(error, "'%s' has more than %d characters", value,
				       VIRTIO_CONSOLE_PORT_NAME_MAX);
	for (const char *c = value; *c; c++)
		if (!isgraph((unsigned char)*c) || *c == '/')
			return error_set_usage(error,
					       "'%s' has characters that no name of a port "
					       "may have",
					       value);
	return 0;
}

static const struct suboption suboptions[] = {
	VIRTIO_SUBOPTION(NULL, suboption_text, console.ports[0].where),
	VIRTIO_SUBOPTION("name", parse_name, console.ports[0].name),
	VIRTIO_SUBOPTION_TRANSPORT,
	{ 0 },
};

static int console_parse(char *text, struct virtio_options *options, struct error *error)
{
	options->console.nr = 1;
	return suboptions_parse(text, suboptions, options, error);
}

/* Is there room for another port?  Number 0 is for a console (5.3.2). */
static bool has_room(const struct console_options *console, const struct console_option *more)
{
	bool has_console = !more->name;

	for (unsigned i = 0; i < console->nr; i++)
		has_console = has_console || !console->ports[i].name;
	return console->nr + !has_console < CONSOLE_MAX_PORTS;
}

static int console_join(struct virtio_options *device, const struct virtio_options *more,
			struct error *error)
{
	const struct console_option *port = &more->console.ports[0];
	struct console_options *console = &device->console;

	if (!has_room(console, port))
		return error_set_usage(error, "there is room for %u named ports and a console",
				       CONSOLE_MAX_PORTS - 1);
	for (unsigned i = 0; i < console->nr; i++)
		if (port->name && console->ports[i].name &&
		    strcmp(port->name, console->ports[i].name) == 0)
			return error_set_usage(error, "the name '%s' is there twice", port->name);
	if (device->transport == VIRTIO_TRANSPORT_DEFAULT)
		device->transport = more->transport;
	else if (more->transport != VIRTIO_TRANSPORT_DEFAULT &&
		 more->transport != device->transport)
		return error_set_usage(error, "all ports are behind the same transport");
	console->ports[console->nr++] = *port;
	return 0;
}

static int console_create(const struct virtio_options *options, const struct virtio_host *host,
			  const struct virtio_dev_config *config, struct virtio_dev **ret_vdev,
			  struct error *error)
{
	const struct console_options *console = &options->console;
	struct console_port_config ports[CONSOLE_MAX_PORTS];
	int r;

	for (unsigned i = 0; i < console->nr; i++)
		ports[i] = (struct console_port_config){
			.name = console->ports[i].name,
			.backend = consoles_port_backend(host->consoles, i),
		};
	r = virtio_console_create(config, ports, console->nr, ret_vdev);
	if (r < 0)
		return error_set_errno(error, r, "cannot make %s", config->name);
	consoles_plug_virtio(host->consoles, *ret_vdev);
	return 0;
}

const struct virtio_kind virtio_kind_console = {
	.name = "virtio-console",
	.parse = console_parse,
	.join = console_join,
	.create = console_create,
};
