/* SPDX-License-Identifier: MIT */
/*
 * Commands of the control socket to a machine that has virtio devices, memory and a socket, but no
 * KVM and no vCPU: its guest is a mock driver.
 */
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/net.h"
#include "tests/support/fake_net.h"
#include "tests/support/mock_driver.h"
#include "tests/support/unix_peer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/loop_fixture.h"
#include "vmm/control/control.h"
#include "vmm/virtio/kind.h"

/* Of devices, in the order of their options. */
enum { RNG, BALLOON, NET };

enum { INFLATE, DEFLATE, STATS, NR_QUEUES };

struct fixture {
	struct loop *loop;
	struct run_options options;
	struct board board;
	struct control_machine machine;
	struct control *control;
	char path[64];
	int fd; /* a client */
	struct mock_ram ram;
	struct mock_ring rings[NR_QUEUES];
	struct mock_buffer stats; /* the driver's */
	char line[8192];          /* the last reply */
};

static struct fake_net fake;

static int create_net(const struct virtio_options *options, const struct virtio_host *host,
		      const struct virtio_dev_config *config, struct virtio_dev **ret_vdev,
		      struct error *error)
{
	const struct virtio_net_settings settings = { .mac = "\x02GB",
						      .link_down = options->net.link_down };

	(void)host;
	(void)error;
	fake_net_init(&fake, 1, 0);
	return virtio_net_create(config, &fake.net, &settings, ret_vdev);
}

static const struct virtio_kind kind_net = { .name = "virtio-net", .create = create_net };

/* The devices of a machine that starts, or starts anew. */
static void plug_in(struct fixture *f)
{
	const struct machine_virtio_config config = { .devices = &f->options.virtio,
						      .vm = f->board.vm,
						      .loop = f->loop,
						      .trace_doorbells = true };
	struct error error;

	assert_int_equal(machine_virtio_create(&config, &f->board.virtio, &error), 0);
}

static void setup(struct fixture *f)
{
	struct virtio_options balloon = { .kind = &virtio_kind_balloon, .balloon.size = MIB(4) },
			      net = { .kind = &kind_net }, rng = { .kind = &virtio_kind_rng };
	char address[80];
	struct error error;

	memset(f, 0, sizeof(*f));
	(void)snprintf(f->path, sizeof(f->path), "control_commands_test.%d.socket", getpid());
	(void)snprintf(address, sizeof(address), "unix:%s", f->path);
	f->options.virtio.transport = VIRTIO_TRANSPORT_MMIO;
	assert_int_equal(virtio_list_append(&f->options.virtio, &rng, &error), 0);
	assert_int_equal(virtio_list_append(&f->options.virtio, &balloon, &error), 0);
	assert_int_equal(virtio_list_append(&f->options.virtio, &net, &error), 0);
	assert_int_equal(loop_create(&f->loop), 0);
	assert_int_equal(vm_create(MIB(64), false, f->loop, &f->board.vm, &error), 0);
	f->board.vm->running = true;
	plug_in(f);
	f->machine = (struct control_machine){ .options = &f->options, .board = &f->board };
	assert_int_equal(control_create(f->loop, address, &f->machine, &f->control, &error), 0);
	f->fd = unix_peer_connect(f->path);
	assert_true(f->fd >= 0);
	f->ram = (struct mock_ram){ .bytes = (uint8_t *)f->board.vm->ram + MOCK_RAM_BASE,
				    .next = MOCK_RAM_BASE };
}

static void teardown(struct fixture *f)
{
	(void)close(f->fd);
	machine_virtio_destroy(f->board.virtio);
	vm_destroy(f->board.vm);
	control_destroy(f->control);
	loop_destroy(f->loop);
}

static void ask(struct fixture *f, const char *request)
{
	unix_peer_print(f->fd, request);
	unix_peer_print(f->fd, "\n");
	loop_turns(f->loop, 4);
}

/* The reply that has come; "" if there is none. */
static const char *reply(struct fixture *f)
{
	ssize_t n = recv(f->fd, f->line, sizeof(f->line) - 1, MSG_DONTWAIT);

	f->line[MAX(n, 0)] = '\0';
	return f->line;
}

static void assert_answer(struct fixture *f, const char *request, const char *expected)
{
	ask(f, request);
	assert_string_equal(reply(f), expected);
}

static struct device *registers(const struct fixture *f, unsigned index)
{
	const struct bus *bus = &f->board.vm->mmio;

	assert_true(index < bus->nr_ranges);
	return bus->ranges[index].dev;
}

static void offer_stats(struct fixture *f)
{
	assert_true(mock_ring_add(&f->rings[STATS], &f->stats, 1) >= 0);
	mock_mmio_write(registers(f, BALLOON), VIRTIO_MMIO_QUEUE_NOTIFY, STATS);
	loop_turns(f->loop, 4);
}

/* A driver takes the balloon over, and has free memory to tell of. */
static void start_balloon(struct fixture *f)
{
	const struct virtio_balloon_stat entry = { VIRTIO_BALLOON_S_MEMFREE, 4096 };
	const uint64_t features = MOCK_F_VERSION_1 | MOCK_FEATURE(VIRTIO_BALLOON_F_STATS_VQ);

	for (unsigned q = 0; q < NR_QUEUES; q++)
		mock_ring_init(&f->rings[q], &f->ram, 8, features);
	assert_true(mock_mmio_start(registers(f, BALLOON), features, f->rings, NR_QUEUES));
	f->stats = mock_buffer(&f->ram, sizeof(entry), false, 0);
	memcpy(mock_ram_at(&f->ram, f->stats.gpa), &entry, sizeof(entry));
	offer_stats(f);
}

static void info_devices_of_a_machine_that_was_released(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	ask(&f, "{\"command\":\"info-devices\"}");
	assert_non_null(strstr(reply(&f), "{\"name\":\"virtio-net0\",\"bus\":\"mmio\","
					  "\"address\":\"0xfe002000\",\"type\":\"virtio-net\","
					  "\"status\":[]}]"));
	board_release(&f.board);
	assert_answer(&f, "{\"command\":\"info-devices\"}",
		      "{\"ok\":true,\"result\":{\"devices\":[]}}\n");
	teardown(&f);
}

static void link_to_what_is_gone(void **state)
{
	static const char up[] = "{\"command\":\"link\",\"arguments\":"
				 "{\"device\":\"virtio-net0\",\"state\":\"up\"}}";
	struct fixture f;

	(void)state;
	setup(&f);
	assert_answer(&f, up, "{\"ok\":true,\"result\":{\"state\":\"up\"}}\n");
	fake.net.events->lost(fake.net.ctx);
	assert_answer(&f, up,
		      "{\"ok\":false,\"code\":\"refused\","
		      "\"error\":\"what 'virtio-net0' was connected to is gone\"}\n");
	teardown(&f);
}

static uint16_t link_status(const struct fixture *f)
{
	uint16_t status = 0;
	struct device *dev = registers(f, NET);

	dev->ops->read(dev, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_net_config, status),
		       &status, sizeof(status));
	return status;
}

static void assert_balloon_wants(struct fixture *f, const char *target)
{
	ask(f, "{\"command\":\"balloon\"}");
	assert_non_null(strstr(reply(f), target));
}

static void set_link(struct fixture *f, const char *to, uint16_t expected)
{
	char request[128];

	(void)snprintf(request, sizeof(request),
		       "{\"command\":\"link\",\"arguments\":"
		       "{\"device\":\"virtio-net0\",\"state\":\"%s\"}}",
		       to);
	ask(f, request);
	assert_non_null(strstr(reply(f), "{\"ok\":true,"));
	assert_int_equal(link_status(f), expected);
}

/* Another machine, as its options say. */
static void start_anew(struct fixture *f)
{
	board_release(&f->board);
	plug_in(f);
}

static void a_reset_brings_links_and_balloon_back(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	assert_balloon_wants(&f, "{\"target\":4194304,");
	ask(&f, "{\"command\":\"balloon\",\"arguments\":{\"size\":8192}}");
	assert_non_null(strstr(reply(&f), "{\"target\":8192,"));
	assert_int_equal(link_status(&f), VIRTIO_NET_S_LINK_UP);
	set_link(&f, "down", 0);
	start_anew(&f);
	assert_balloon_wants(&f, "{\"target\":4194304,");
	assert_int_equal(link_status(&f), VIRTIO_NET_S_LINK_UP);

	f.options.virtio.devices[NET].net.link_down = true;
	start_anew(&f);
	assert_int_equal(link_status(&f), 0);
	set_link(&f, "up", VIRTIO_NET_S_LINK_UP);
	start_anew(&f);
	assert_int_equal(link_status(&f), 0);
	teardown(&f);
}

static void statistics_come(void **state)
{
	struct fixture f;
	uint16_t head;
	uint32_t len;

	(void)state;
	setup(&f);
	start_balloon(&f);
	for (unsigned i = 0; i < 3; i++) {
		assert_answer(&f, "{\"command\":\"balloon-stats\"}", "");
		assert_true(mock_ring_collect(&f.rings[STATS], &head, &len));
		offer_stats(&f);
		assert_string_equal(reply(&f), "{\"ok\":true,\"result\":{\"free_memory\":4096}}\n");
	}
	teardown(&f);
}

static const char went_away[] = "{\"ok\":false,\"code\":\"refused\","
				"\"error\":\"the guest's balloon driver went away\"}\n";

static void statistics_of_a_driver_that_leaves(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	for (unsigned i = 0; i < 2; i++) {
		start_balloon(&f);
		assert_answer(&f, "{\"command\":\"balloon-stats\"}", "");
		mock_mmio_write(registers(&f, BALLOON), VIRTIO_MMIO_STATUS, 0);
		loop_turns(f.loop, 4);
		assert_string_equal(reply(&f), went_away);
	}
	teardown(&f);
}

static void statistics_of_a_machine_that_resets(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	for (unsigned i = 0; i < 2; i++) {
		start_balloon(&f);
		assert_answer(&f, "{\"command\":\"balloon-stats\"}", "");
		start_anew(&f);
		loop_turns(f.loop, 4);
		assert_string_equal(reply(&f), went_away);
		assert_answer(&f, "{\"command\":\"balloon-stats\"}",
			      "{\"ok\":false,\"code\":\"refused\","
			      "\"error\":\"the guest has no balloon driver, or not yet\"}\n");
	}
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info_devices_of_a_machine_that_was_released),
		cmocka_unit_test(link_to_what_is_gone),
		cmocka_unit_test(a_reset_brings_links_and_balloon_back),
		cmocka_unit_test(statistics_come),
		cmocka_unit_test(statistics_of_a_driver_that_leaves),
		cmocka_unit_test(statistics_of_a_machine_that_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
