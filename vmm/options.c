/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "devices/legacy/debug_exit.h"
#include "vmm/boot/acpi.h"
#include "vmm/cpu_features.h"
#include "vmm/options.h"
#include "vmm/status.h"
#include "vmm/usage.h"
#include "vmm/virtio/kind.h"
#include "vmm/vm.h"

#define MEMORY_MIN     MIB(16)
#define MEMORY_MAX     GIB(1024)
#define MEMORY_DEFAULT MIB(512)
#define PAGE_SIZE      4096u

enum option_key {
	KEY_INITRD = 'i',
	KEY_KERNEL = 'k',
	KEY_APPEND = 'a',
	KEY_CPUS = 'c',
	KEY_MEMORY = 'm',
	KEY_VERBOSE = 'v',
	KEY_CONSOLE = 0x100,
	KEY_VIRTIO_CONSOLE,
	KEY_CPU,
	KEY_CONTROL,
	KEY_GDB,
	KEY_WAIT_GDB,
	KEY_TRACE,
	KEY_TRACE_PROVIDER,
	KEY_SYMBOLS,
	KEY_KASLR,
	KEY_REBOOT,
	KEY_PVPANIC,
	KEY_DEBUG_EXIT,
	KEY_KVM,
	KEY_DISK,
	KEY_NET,
	KEY_SHARE,
	KEY_ROOTFS_SHARE,
	KEY_EXEC,
	KEY_RNG,
	KEY_VSOCK,
	KEY_BALLOON,
	KEY_TRANSPORT,
	KEY_TRACE_DOORBELLS,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What to boot:", 1 },
	{ "kernel", KEY_KERNEL, "FILE", 0, "Linux bzImage or ELF vmlinux (required)", 0 },
	{ "initrd", KEY_INITRD, "FILE", 0, "initial RAM disk", 0 },
	{ "rootfs-share", KEY_ROOTFS_SHARE, "PATH[,OPTION]...", 0,
	  "a directory as the guest's root, such as /, in place of an initial RAM disk; it is not "
	  "written to; options: modules=DIR, transport=KIND",
	  0 },
	{ "exec", KEY_EXEC, "COMMAND", 0,
	  "what the shell of a guest with --rootfs-share does, in place of being interactive", 0 },
	{ "append", KEY_APPEND, "STRING", 0, "kernel command line", 0 },
	{ "kaslr", KEY_KASLR, NULL, 0,
	  "let a bzImage unpack and move itself, instead of unpacking it on the host", 0 },
	{ NULL, 0, NULL, 0, "The machine:", 2 },
	{ "cpus", KEY_CPUS, "N", 0, "number of vCPUs, 1 to 32 (default 1)", 0 },
	{ "memory", KEY_MEMORY, "SIZE", 0, "RAM, in MiB or with a suffix K, M, G (default 512M)",
	  0 },
	{ "cpu", KEY_CPU, "MODEL", 0, "host[,-FEATURE][,+FEATURE]...; \"help\" lists the features",
	  0 },
	{ "console", KEY_CONSOLE, "WHERE", 0,
	  "the serial port: stdio (default), file:PATH, unix:PATH, pty or none", 0 },
	{ "virtio-console", KEY_VIRTIO_CONSOLE, "WHERE[,OPTION]...", 0,
	  "a console of virtio-console (hvc0), or a port for programs; options: name=NAME, "
	  "transport=KIND",
	  0 },
	{ "disk", KEY_DISK, "PATH[,OPTION]...", 0,
	  "a virtio-blk disk, with its blocks in a file, a block device, or at an NBD server "
	  "(nbd://HOST/EXPORT); options: ro, direct, serial=TEXT, queues=N, format=raw, "
	  "transport=KIND",
	  0 },
	{ "net", KEY_NET, "WHERE[,OPTION]...", 0,
	  "a virtio-net network interface: user, a network without privileges, or tap=NAME, an "
	  "interface of the host; options: hostfwd=tcp|udp:[ADDRESS]:PORT-[ADDRESS]:PORT, "
	  "mac=ADDRESS, mtu=N, queues=N, link=down, transport=KIND",
	  0 },
	{ "share", KEY_SHARE, "TAG=PATH[,OPTION]...", 0,
	  "a directory that the guest can mount: mount -t virtiofs TAG; options: ro, transport=KIND",
	  0 },
	{ "rng", KEY_RNG, "transport=KIND", OPTION_ARG_OPTIONAL,
	  "random numbers of the host, by virtio-rng", 0 },
	{ "vsock", KEY_VSOCK, "cid=N,socket=PATH[,transport=KIND]", 0,
	  "sockets between programs in the guest (AF_VSOCK) and on the host (unix sockets)", 0 },
	{ "balloon", KEY_BALLOON, "OPTION[,OPTION]...", OPTION_ARG_OPTIONAL,
	  "take memory from the guest and give it back, by virtio-balloon; options: size=SIZE, "
	  "deflate-on-oom=off, transport=KIND",
	  0 },
	{ "transport", KEY_TRANSPORT, "KIND", 0, "of virtio devices: pci (default) or mmio", 0 },
	{ "reboot", KEY_REBOOT, NULL, 0, "start the guest anew when it resets, instead of ending",
	  0 },
	{ "control", KEY_CONTROL, "ADDRESS", 0,
	  "listen at unix:PATH for \"glassbox ctl\", which controls the machine", 0 },
	{ "pvpanic", KEY_PVPANIC, NULL, 0, "end at once when the guest's kernel panics, by pvpanic",
	  0 },
	{ "debug-exit", KEY_DEBUG_EXIT, "PORT", OPTION_ARG_OPTIONAL,
	  "let the guest end with a status, by isa-debug-exit (default port 0xf4)", 0 },
	{ "kvm", KEY_KVM, "PATH", 0, "KVM's device (default /dev/kvm)", 0 },
	{ NULL, 0, NULL, 0, "Debugging:", 3 },
	{ "gdb", KEY_GDB, "ADDRESS", 0, "listen for gdb at tcp:HOST:PORT or unix:PATH", 0 },
	{ "wait-gdb", KEY_WAIT_GDB, NULL, 0, "stop before the guest's first instruction", 0 },
	{ "symbols", KEY_SYMBOLS, "FILE", 0, "vmlinux with symbols, to name functions in messages",
	  0 },
	{ NULL, 0, NULL, 0, "Tracing:", 4 },
	{ "trace", KEY_TRACE, "DIR", 0, "record every exit and device event into DIR", 0 },
	{ "trace-provider", KEY_TRACE_PROVIDER, NULL, 0,
	  "load the LTTng provider, for a recording session of your own", 0 },
	{ "trace-doorbells", KEY_TRACE_DOORBELLS, NULL, 0,
	  "let each notification of a virtio driver be an exit, to see who makes it", 0 },
	{ NULL, 0, NULL, 0, "Other:", -1 },
	{ "verbose", KEY_VERBOSE, NULL, 0, "say more about what happens", 0 },
	{ 0 },
};

static uint64_t parse_memory(const char *text, const struct argp_state *state)
{
	uint64_t bytes = 0;

	if (size_parse(text, MIB(1), &bytes) < 0 || bytes < MEMORY_MIN || bytes > MEMORY_MAX)
		usage_error(state, "--memory '%s' is not a size from 16M to 1024G", text);
	if (bytes % PAGE_SIZE)
		usage_error(state, "--memory '%s' is not a multiple of 4K", text);
	return bytes;
}

static unsigned parse_cpus(const char *text, const struct argp_state *state)
{
	uint64_t cpus = 0;

	if (number_parse(text, 1, VM_MAX_VCPUS, &cpus) < 0)
		usage_error(state, "--cpus '%s' is not a number from 1 to %u", text, VM_MAX_VCPUS);
	return (unsigned)cpus;
}

/* @text: NULL for the default */
static uint16_t parse_port(const char *text, const struct argp_state *state)
{
	uint64_t port = DEBUG_EXIT_PORT;

	if (text && number_parse(text, 1, UINT16_MAX + 1 - DEBUG_EXIT_NR_PORTS, &port) < 0)
		usage_error(state, "--debug-exit '%s' is not a number from 1 to 0x%x", text,
			    UINT16_MAX + 1 - DEBUG_EXIT_NR_PORTS);
	return (uint16_t)port;
}

static enum virtio_transport parse_transport(char *text, const struct argp_state *state)
{
	enum virtio_transport transport = VIRTIO_TRANSPORT_DEFAULT;
	struct error error;

	if (suboption_transport(text, &transport, &error) < 0)
		usage_error(state, "--transport %s", error.message);
	return transport;
}

/* @text: NULL for an option without an argument */
static void add_virtio(struct run_options *run, const struct virtio_kind *kind, const char *option,
		       char *text, const struct argp_state *state)
{
	char none[] = "";
	struct error error;

	if (virtio_list_add(&run->virtio, kind, text ? text : none, &error) < 0)
		usage_error(state, "%s: %s", option, error.message);
}

static void check_balloon(const struct run_options *run, const struct argp_state *state)
{
	for (unsigned i = 0; i < run->virtio.nr; i++) {
		const struct virtio_options *device = &run->virtio.devices[i];

		if (device->kind == &virtio_kind_balloon && device->balloon.size > run->memory)
			usage_error(state, "--balloon: size is more than the guest's memory");
	}
}

/* One console has the terminal: the serial port, unless another one was given it. */
static void check_stdio(struct run_options *run, const struct argp_state *state)
{
	const struct console_options *console = virtio_list_console(&run->virtio);
	unsigned users = 0;

	for (unsigned i = 0; console && i < console->nr; i++)
		users += strcmp(console->ports[i].where, "stdio") == 0;
	if (!run->console)
		run->console = users ? "none" : "stdio";
	users += strcmp(run->console, "stdio") == 0;
	if (users > 1)
		usage_error(state, "stdio can be given to one console only");
}

static void check_together(struct run_options *run, const struct argp_state *state)
{
	const char *tag;

	if (!run->kernel)
		usage_error(state, "--kernel FILE is missing");
	if (virtio_list_count(&run->virtio, VIRTIO_TRANSPORT_MMIO) > ACPI_VIRTIO_MMIO_MAX)
		usage_error(state, "there is room for %u virtio devices over MMIO only",
			    ACPI_VIRTIO_MMIO_MAX);
	check_balloon(run, state);
	if (run->rootfs.path && run->initrd)
		usage_error(state, "--rootfs-share makes an initial RAM disk of its own: leave "
				   "--initrd out");
	if (run->exec && !run->rootfs.path)
		usage_error(state, "--exec needs --rootfs-share PATH");
	if (run->exec && rootfs_is_left_to_init(run->append))
		usage_error(state, "--exec is for the shell, and init= in --append leaves none");
	if (run->exec && strlen(run->exec) > ROOTFS_COMMAND_MAX)
		usage_error(state, "--exec has more than %d bytes", ROOTFS_COMMAND_MAX);
	tag = virtio_share_twice(&run->virtio);
	if (tag)
		usage_error(state, "--share: two directories have the tag '%s'", tag);
	if (run->wait_gdb && !run->gdb)
		usage_error(state, "--wait-gdb needs --gdb ADDRESS");
	check_stdio(run, state);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct run_options *run = state->input;
	struct error error;

	switch (key) {
	case KEY_KERNEL: run->kernel = arg; break;
	case KEY_INITRD: run->initrd = arg; break;
	case KEY_APPEND: run->append = arg; break;
	case KEY_CPUS: run->cpus = parse_cpus(arg, state); break;
	case KEY_MEMORY: run->memory = parse_memory(arg, state); break;
	case KEY_CPU:
		if (strcmp(arg, "help") == 0) {
			cpu_features_write_help(stdout);
			exit(GLASSBOX_STATUS_OK);
		}
		run->cpu = arg;
		break;
	case KEY_CONSOLE: run->console = arg; break;
	case KEY_CONTROL: run->control = arg; break;
	case KEY_VIRTIO_CONSOLE:
		add_virtio(run, &virtio_kind_console, "--virtio-console", arg, state);
		break;
	case KEY_GDB: run->gdb = arg; break;
	case KEY_WAIT_GDB: run->wait_gdb = true; break;
	case KEY_SYMBOLS: run->symbols = arg; break;
	case KEY_TRACE: run->trace_dir = arg; break;
	case KEY_TRACE_PROVIDER: run->trace_provider = true; break;
	case KEY_KASLR: run->kaslr = true; break;
	case KEY_REBOOT: run->reboot = true; break;
	case KEY_PVPANIC: run->pvpanic = true; break;
	case KEY_DEBUG_EXIT: run->debug_exit = parse_port(arg, state); break;
	case KEY_KVM: run->kvm_device = arg; break;
	case KEY_DISK: add_virtio(run, &virtio_kind_disk, "--disk", arg, state); break;
	case KEY_NET: add_virtio(run, &virtio_kind_net, "--net", arg, state); break;
	case KEY_SHARE: add_virtio(run, &virtio_kind_share, "--share", arg, state); break;
	case KEY_ROOTFS_SHARE:
		if (rootfs_parse(arg, &run->rootfs, &run->virtio, &error) < 0)
			usage_error(state, "--rootfs-share: %s", error.message);
		break;
	case KEY_EXEC: run->exec = arg; break;
	case KEY_RNG: add_virtio(run, &virtio_kind_rng, "--rng", arg, state); break;
	case KEY_VSOCK: add_virtio(run, &virtio_kind_vsock, "--vsock", arg, state); break;
	case KEY_BALLOON: add_virtio(run, &virtio_kind_balloon, "--balloon", arg, state); break;
	case KEY_TRANSPORT: run->virtio.transport = parse_transport(arg, state); break;
	case KEY_TRACE_DOORBELLS: run->trace_doorbells = true; break;
	case KEY_VERBOSE: run->verbose = true; break;
	case ARGP_KEY_INIT: usage_keep_short(state); break;
	case ARGP_KEY_ARG: usage_error(state, "unexpected argument '%s'", arg);
	case ARGP_KEY_END: check_together(run, state); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

void options_parse_run(int argc, char **argv, struct run_options *ret_options)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Boot a guest kernel on KVM.\v"
		       "On the console of a terminal, Ctrl-A x quits and Ctrl-A h helps.\n\n"
		       "Exit status: 0 power-off, reboot or quit; 1 failure; 2 wrong usage; 3 guest panic; "
		       "4 triple fault; 5 KVM cannot go on; 128+N ended by signal N; with --debug-exit, what "
		       "the guest chose.",
	};
	struct run_options run = {
		.append = "",
		.cpu = "host",
		.kvm_device = "/dev/kvm",
		.memory = MEMORY_DEFAULT,
		.cpus = 1,
		.virtio = { .transport = VIRTIO_TRANSPORT_PCI },
	};

	if (argp_parse(&argp, argc, argv, 0, NULL, &run) != 0)
		exit(GLASSBOX_STATUS_USAGE);
	*ret_options = run;
}
