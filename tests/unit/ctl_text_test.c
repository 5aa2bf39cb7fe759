/* SPDX-License-Identifier: MIT */
/* What `glassbox ctl` prints of a machine's answers. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "vmm/ctl_table.h"
#include "vmm/ctl_text.h"

static void assert_printed(ctl_print_fn *print, const char *result, const char *expected)
{
	json_t *json = json_loads(result, 0, NULL);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(json);
	assert_non_null(out);
	print(out, json);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

static void columns_are_as_wide_as_they_must(void **state)
{
	struct ctl_table table = { .nr_columns = 3, .right = 2 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		ctl_table_add(&table, "%s", i % 2 ? "" : "long");
		ctl_table_add(&table, "%u", i);
		ctl_table_add(&table, "end");
	}
	ctl_table_print(&table, out);
	/* It is empty again. */
	ctl_table_print(&table, out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(size, 100 * strlen("long   0  end\n"));
	assert_memory_equal(text, "long   0  end\n       1  end\n", 28);
	free(text);
}

static void states(void **state)
{
	(void)state;
	assert_printed(ctl_print_state, "{\"state\":\"paused\",\"paused\":true}", "paused\n");
	assert_printed(ctl_print_state, "{\"state\":\"stopped\",\"paused\":false}",
		       "stopped by the debugger\n");
	assert_printed(ctl_print_state, "{\"state\":\"stopped\",\"paused\":true}",
		       "stopped by the debugger, and paused\n");
	assert_printed(ctl_print_nothing, "{}", "");
}

static void status(void **state)
{
	(void)state;
	assert_printed(
		ctl_print_status,
		"{\"state\":\"running\",\"vcpus\":2,\"memory\":536870912,\"kernel\":\"vmlinuz\","
		"\"boot\":\"bzImage\",\"debugger\":{\"address\":\"tcp:127.0.0.1:1234\","
		"\"attached\":true},\"trace\":\"out\",\"version\":\"1.0\",\"pid\":77}",
		"state     running\n"
		"guest     2 vCPUs, 512 MiB\n"
		"kernel    vmlinuz (bzImage)\n"
		"debugger  attached at tcp:127.0.0.1:1234\n"
		"trace     out\n"
		"process   77, glassbox 1.0\n");
	/* Of a machine that says less, and no debugger. */
	assert_printed(ctl_print_status, "{\"vcpus\":1,\"memory\":4096}",
		       "state     ?\n"
		       "guest     1 vCPU, 4 KiB\n"
		       "kernel    ? (?)\n"
		       "debugger  none\n"
		       "trace     none\n"
		       "process   0, glassbox ?\n");
}

static void devices(void **state)
{
	(void)state;
	assert_printed(
		ctl_print_devices,
		"{\"devices\":[{\"name\":\"serial0\",\"bus\":\"pio\",\"address\":\"0x3f8\",\"size\":8},"
		"{\"name\":\"virtio-rng0\",\"bus\":\"pci\",\"address\":\"00:01.0\",\"type\":\"virtio-rng\","
		"\"status\":[\"ACKNOWLEDGE\",\"DRIVER\"]},"
		"{\"name\":\"virtio-rng1\",\"bus\":\"mmio\",\"address\":\"0xfe000000\",\"status\":[]}]}",
		"DEVICE       BUS   ADDRESS      DRIVER\n"
		"serial0      pio   0x3f8-0x3ff  -\n"
		"virtio-rng0  pci   00:01.0      ACKNOWLEDGE DRIVER\n"
		"virtio-rng1  mmio  0xfe000000   -\n");
	assert_printed(ctl_print_devices, "{}", "DEVICE  BUS  ADDRESS  DRIVER\n");
}

#define VIRTIO_HEAD                                                                                  \
	"{\"name\":\"virtio-rng0\",\"bus\":\"pci\",\"address\":\"00:01.0\",\"type\":\"virtio-rng\"," \
	"\"device_id\":4,\"status\":{\"value\":15,\"bits\":[\"ACKNOWLEDGE\",\"DRIVER\"]},"           \
	"\"features\":[{\"bit\":2,\"name\":null,\"offered\":true,\"accepted\":false},"               \
	"{\"bit\":32,\"name\":\"VIRTIO_F_VERSION_1\",\"offered\":true,\"accepted\":true}],"

#define PRINTED_HEAD                                                                               \
	"device  virtio-rng0, type 4 (virtio-rng)\n"                                               \
	"place   pci 00:01.0\n"                                                                    \
	"status  0x0f ACKNOWLEDGE DRIVER\n"                                                        \
	"\n"                                                                                       \
	"FEATURE             BIT  OFFERED  ACCEPTED\n"                                             \
	"?                     2  yes      no\n"                                                   \
	"VIRTIO_F_VERSION_1   32  yes      yes\n"                                                  \
	"\n"

static void virtio_split(void **state)
{
	(void)state;
	assert_printed(
		ctl_print_virtio,
		VIRTIO_HEAD
		"\"queues\":[{\"queue\":0,\"size\":64,\"enabled\":true,\"layout\":\"split\",\"avail\":1234,"
		"\"last_avail\":1230,\"used\":1229,\"kicks\":{\"when\":\"at\",\"index\":1230},"
		"\"interrupts\":{\"when\":\"off\"},\"waiting\":[5,6,7,8],\"in_flight\":[4]},"
		"{\"queue\":1,\"size\":64,\"enabled\":false}]}",
		PRINTED_HEAD
		"QUEUE  STATE  SIZE  AVAIL  TAKEN  USED  KICKS    INTERRUPTS  WAITING  IN FLIGHT\n"
		"    0  split    64   1234   1230  1229  at 1230  off         5 6 7 8  4\n"
		"    1  off      64      -      -     -  -        -           -        -\n");
}

static void virtio_packed(void **state)
{
	(void)state;
	assert_printed(
		ctl_print_virtio,
		VIRTIO_HEAD
		"\"queues\":[{\"queue\":0,\"size\":64,\"enabled\":true,\"broken\":true,\"layout\":\"packed\","
		"\"avail\":{\"index\":3,\"wrap\":true},\"kicks\":{\"when\":\"at\",\"index\":3,\"wrap\":false},"
		"\"interrupts\":{\"when\":\"on\"},\"waiting\":[0,1,2,3,4,5,6,7,8,9]}]}",
		PRINTED_HEAD
		"QUEUE  STATE   SIZE  AVAIL  TAKEN  USED  KICKS   INTERRUPTS  WAITING        "
		"             IN FLIGHT\n"
		"    0  broken    64    3/1      -     -  at 3/0  on          0 1 2 3 4 5 6 "
		"7 and 2 more  -\n");
}

static void balloon(void **state)
{
	(void)state;
	assert_printed(
		ctl_print_balloon,
		"{\"target\":134217728,\"actual\":4096,\"driver\":true,\"inflated\":196400128,"
		"\"reported\":0,\"failures\":0}",
		"wanted in the balloon     128 MiB\n"
		"in the balloon            4 KiB\n"
		"given back by inflating   187.3 MiB\n"
		"given back as free pages  0 MiB\n");
	assert_printed(ctl_print_balloon, "{\"driver\":false,\"failures\":3}",
		       "wanted in the balloon     0 MiB\n"
		       "in the balloon            0 MiB\n"
		       "given back by inflating   0 MiB\n"
		       "given back as free pages  0 MiB\n"
		       "driver                    none, or not yet\n"
		       "refused by the host       3 times\n");
}

static void stats(void **state)
{
	(void)state;
	assert_printed(ctl_print_stats,
		       "{\"minor_faults\":7,\"free_memory\":1048576,\"swap_in\":1,\"else\":1}",
		       "swap in       1 B\n"
		       "minor faults  7\n"
		       "free memory   1 MiB\n");
}

/* Nothing reaches the terminal that it would not show. */
static void control_characters(void **state)
{
	char text[] = "\r\x1b[2J\x7f\xc2\x80\xc2\x9b"
		      "1m \xc2\xa0\xc3\xa9\xe2\x82\xac\n";

	(void)state;
	assert_string_equal(ctl_printable(text), "??[2J?????1m \xc2\xa0\xc3\xa9\xe2\x82\xac?");
	assert_printed(ctl_print_state, "{\"state\":\"\\u001b]0;x\\u0007\"}", "?]0;x?\n");
	assert_printed(
		ctl_print_devices,
		"{\"devices\":[{\"name\":\"a\\nb\",\"bus\":\"\\u009b1m\",\"address\":\"\\t\","
		"\"status\":[\"\\u001bc\"]}]}",
		"DEVICE  BUS   ADDRESS  DRIVER\n"
		"a?b     ??1m  ?        ?c\n");
}

/* A peer that is no machine may say anything. */
static void nonsense(void **state)
{
	static ctl_print_fn *const prints[] = { ctl_print_nothing, ctl_print_status,
						ctl_print_state,   ctl_print_devices,
						ctl_print_virtio,  ctl_print_balloon,
						ctl_print_stats };
	static const char *const results[] = {
		"[]",
		"{\"devices\":{},\"status\":[],\"features\":7,\"queues\":\"x\",\"memory\":-5}",
		"{\"devices\":[1,[],{}],\"status\":{\"bits\":[1,{}]},\"features\":[[]],\"queues\":[[],{}],"
		"\"target\":-9223372036854775808,\"free_memory\":\"x\"}",
		"{\"queues\":[{\"avail\":[],\"kicks\":7,\"waiting\":[\"a\",null],\"in_flight\":{}}],"
		"\"devices\":[{\"name\":1,\"size\":-1,\"status\":[\"a\",\"b\",3]}]}",
	};
	FILE *out = fopen("/dev/null", "w");

	(void)state;
	assert_non_null(out);
	for (unsigned i = 0; i < ARRAY_SIZE(results); i++) {
		json_t *json = json_loads(results[i], 0, NULL);

		assert_non_null(json);
		for (unsigned j = 0; j < ARRAY_SIZE(prints); j++) {
			prints[j](out, json);
			prints[j](out, NULL);
		}
		json_decref(json);
	}
	assert_int_equal(fclose(out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_they_must),
		cmocka_unit_test(states),
		cmocka_unit_test(status),
		cmocka_unit_test(devices),
		cmocka_unit_test(virtio_split),
		cmocka_unit_test(virtio_packed),
		cmocka_unit_test(balloon),
		cmocka_unit_test(stats),
		cmocka_unit_test(control_characters),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
