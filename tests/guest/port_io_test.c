/* SPDX-License-Identifier: MIT */
/*
 * What KVM tells of IN, OUT and their string forms, in every size, and how answers reach a guest.
 */
#include "tests/guest/guest.h"
#include "vmm/bus.h"

#define STRING_ITEMS 100u

PROBE_GUEST(out_sizes,
	    "mov $0x11223344, %eax\n"
	    "out %al, $" PROBE_STR(
		    PROBE_PORT) "\n"
				"out %ax, $" PROBE_STR(
					PROBE_PORT) "\n"
						    "out %eax, $" PROBE_STR(
							    PROBE_PORT) "\n"
									"mov $0x1234, %dx\n"
									"out %al, %dx\n"
									"hlt\n");

static void out_brings_its_size_and_data(void **state)
{
	const struct {
		uint16_t port;
		unsigned size;
		uint32_t data;
	} expected[] = {
		{ PROBE_PORT, 1, 0x44 },
		{ PROBE_PORT, 2, 0x3344 },
		{ PROBE_PORT, 4, 0x11223344 },
		{ 0x1234, 1, 0x44 },
	};
	struct probe *probe = *state;
	const struct kvm_run *run = probe->vcpu.run;

	assert_int_equal(probe_start(probe, &out_sizes), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
		uint32_t data = 0;

		guest_run(probe, KVM_EXIT_IO);
		assert_int_equal(run->io.direction, KVM_EXIT_IO_OUT);
		assert_int_equal(run->io.port, expected[i].port);
		assert_int_equal(run->io.size, expected[i].size);
		assert_int_equal(run->io.count, 1);
		memcpy(&data, guest_io_data(probe), run->io.size);
		assert_int_equal(data, expected[i].data);
	}
	guest_run(probe, KVM_EXIT_HLT);
}

PROBE_GUEST(
	in_sizes,
	"mov $-1, %rax\n"
	"in $" PROBE_STR(
		PROBE_PORT) ", %al\n"
			    "mov %rax, " PROBE_STR(
				    PROBE_DATA) "\n"
						"mov $-1, %rax\n"
						"in $" PROBE_STR(
							PROBE_PORT) ", %ax\n"
								    "mov %rax, " PROBE_STR(
									    PROBE_DATA) " + 8\n"
											"mov $-1, %rax\n"
											"in $" PROBE_STR(
												PROBE_PORT) ", %eax\n"
													    "mov %rax, " PROBE_STR(
														    PROBE_DATA) " + 16\n"
																"hlt\n");

static void in_fills_as_much_of_the_register_as_it_says(void **state)
{
	const uint64_t expected[] = { 0xffffffffffffffd4, 0xffffffffffffc3d4, 0xa1b2c3d4 };
	const uint32_t answer = 0xa1b2c3d4;
	struct probe *probe = *state;
	const struct kvm_run *run = probe->vcpu.run;

	assert_int_equal(probe_start(probe, &in_sizes), 0);
	for (unsigned i = 0; i < 3; i++) {
		guest_run(probe, KVM_EXIT_IO);
		assert_int_equal(run->io.direction, KVM_EXIT_IO_IN);
		assert_int_equal(run->io.port, PROBE_PORT);
		assert_int_equal(run->io.size, 1u << i);
		assert_int_equal(run->io.count, 1);
		memcpy(guest_io_data(probe), &answer, run->io.size);
	}
	guest_run(probe, KVM_EXIT_HLT);
	assert_memory_equal(probe->memory + PROBE_DATA, expected, sizeof(expected));
}

#define REP_OUTS(suffix)                                                                           \
	"mov $" PROBE_STR(PROBE_DATA) ", %esi\n"                                                   \
				      "mov $100, %ecx\n"                                           \
				      "mov $" PROBE_STR(PROBE_PORT) ", %dx\n"                      \
								    "rep outs" suffix "\n"         \
								    "hlt\n"
PROBE_GUEST(rep_outs_1, REP_OUTS("b"));
PROBE_GUEST(rep_outs_2, REP_OUTS("w"));
PROBE_GUEST(rep_outs_4, REP_OUTS("l"));

/* KVM may bring the items one by one or many at once: all must come, in their order. */
static void check_rep_outs(struct probe *probe, const struct probe_code *code, unsigned size)
{
	const struct kvm_run *run = probe->vcpu.run;
	unsigned len = STRING_ITEMS * size, got = 0;
	uint8_t seen[STRING_ITEMS * 4];
	struct kvm_regs regs;

	for (unsigned i = 0; i < len; i++)
		probe->memory[PROBE_DATA + i] = (uint8_t)(i * 7 + size);
	assert_int_equal(probe_start(probe, code), 0);
	while (got < len) {
		unsigned bytes;

		guest_run(probe, KVM_EXIT_IO);
		assert_int_equal(run->io.direction, KVM_EXIT_IO_OUT);
		assert_int_equal(run->io.port, PROBE_PORT);
		assert_int_equal(run->io.size, size);
		bytes = run->io.size * run->io.count;
		assert_in_range(bytes, size, len - got);
		memcpy(seen + got, guest_io_data(probe), bytes);
		got += bytes;
	}
	guest_run(probe, KVM_EXIT_HLT);
	assert_memory_equal(seen, probe->memory + PROBE_DATA, len);
	assert_int_equal(kvm_vcpu_get_regs(&probe->vcpu, &regs), 0);
	assert_int_equal(regs.rcx, 0);
	assert_int_equal(regs.rsi, PROBE_DATA + len);
}

static void rep_outs_brings_every_item_in_order(void **state)
{
	check_rep_outs(*state, &rep_outs_1, 1);
	check_rep_outs(*state, &rep_outs_2, 2);
	check_rep_outs(*state, &rep_outs_4, 4);
}

PROBE_GUEST(rep_ins, "mov $" PROBE_STR(PROBE_DATA) ", %edi\n"
						   "mov $100, %ecx\n"
						   "mov $" PROBE_STR(PROBE_PORT) ", %dx\n"
										 "rep insl\n"
										 "hlt\n");

static void rep_ins_takes_every_answer_in_order(void **state)
{
	struct probe *probe = *state;
	const struct kvm_run *run = probe->vcpu.run;
	uint32_t given[STRING_ITEMS];
	unsigned got = 0;

	for (unsigned i = 0; i < STRING_ITEMS; i++)
		given[i] = 0x01020304u * (i + 1);
	assert_int_equal(probe_start(probe, &rep_ins), 0);
	while (got < STRING_ITEMS) {
		guest_run(probe, KVM_EXIT_IO);
		assert_int_equal(run->io.direction, KVM_EXIT_IO_IN);
		assert_int_equal(run->io.size, 4);
		assert_in_range(run->io.count, 1, STRING_ITEMS - got);
		memcpy(guest_io_data(probe), &given[got], run->io.count * sizeof(given[0]));
		got += run->io.count;
	}
	guest_run(probe, KVM_EXIT_HLT);
	assert_memory_equal(probe->memory + PROBE_DATA, given, sizeof(given));
	/* And not one more. */
	assert_int_equal(probe->memory[PROBE_DATA + sizeof(given)], 0);
}

struct counter {
	struct device dev;
	uint8_t value;
	unsigned writes;
};

static void counter_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct counter *counter = container_of(dev, struct counter, dev);

	memset(buf, (int)(counter->value + off), len);
}

static void counter_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct counter *counter = container_of(dev, struct counter, dev);

	(void)len;
	memcpy(&counter->value, buf, 1);
	counter->value = (uint8_t)(counter->value + off);
	counter->writes++;
}

PROBE_GUEST(use_device,
	    "mov $5, %al\n"
	    "mov $0x3fa, %dx\n" /* offset 2 of the device */
	    "out %al, %dx\n"
	    "mov $0x3f9, %dx\n"
	    "in %dx, %al\n"
	    "mov %al, " PROBE_STR(PROBE_DATA) "\n"
					      "mov $0x400, %dx\n" /* nobody's */
					      "in %dx, %al\n"
					      "mov %al, " PROBE_STR(PROBE_DATA) " + 1\n"
										"hlt\n");

static void accesses_reach_a_device_on_the_bus(void **state)
{
	static const struct device_ops ops = { .read = counter_read, .write = counter_write };
	struct counter counter = { .dev = { .ops = &ops, .name = "counter" } };
	struct bus bus = { .space = TRACE_SPACE_PIO };
	struct probe *probe = *state;
	const struct kvm_run *run = probe->vcpu.run;

	assert_int_equal(bus_add(&bus, 0x3f8, 8, &counter.dev), 0);
	assert_int_equal(probe_start(probe, &use_device), 0);
	for (unsigned i = 0; i < 3; i++) {
		guest_run(probe, KVM_EXIT_IO);
		if (run->io.direction == KVM_EXIT_IO_OUT)
			(void)bus_write(&bus, run->io.port, guest_io_data(probe), run->io.size);
		else
			(void)bus_read(&bus, run->io.port, guest_io_data(probe), run->io.size);
	}
	guest_run(probe, KVM_EXIT_HLT);
	assert_int_equal(counter.writes, 1);
	assert_int_equal(probe->memory[PROBE_DATA], 5 + 2 + 1);
	assert_int_equal(probe->memory[PROBE_DATA + 1], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(out_brings_its_size_and_data),
		guest_test(in_fills_as_much_of_the_register_as_it_says),
		guest_test(rep_outs_brings_every_item_in_order),
		guest_test(rep_ins_takes_every_answer_in_order),
		guest_test(accesses_reach_a_device_on_the_bus),
	};

	if (guest_lacks_kvm())
		return GUEST_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
