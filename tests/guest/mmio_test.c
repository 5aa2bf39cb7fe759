/* SPDX-License-Identifier: MIT */
/* What KVM tells of accesses to addresses without RAM, and how answers reach a guest. */
#include "tests/guest/guest.h"

#define PAGE_END 0x101000

PROBE_GUEST(write_sizes, "movabs $0x1122334455667788, %rax\n"
			 "mov $" PROBE_STR(PROBE_MMIO) ", %edi\n"
						       "mov %al, 1(%rdi)\n"
						       "mov %ax, 2(%rdi)\n"
						       "mov %eax, 4(%rdi)\n"
						       "mov %rax, 8(%rdi)\n"
						       "hlt\n");

static void a_write_brings_its_size_and_data(void **state)
{
	const uint64_t whole = 0x1122334455667788;
	struct probe *probe = *state;
	const struct kvm_run *run = probe->vcpu.run;

	assert_int_equal(probe_start(probe, &write_sizes), 0);
	for (unsigned size = 1; size <= 8; size *= 2) {
		guest_run(probe, KVM_EXIT_MMIO);
		assert_true(run->mmio.is_write);
		assert_int_equal(run->mmio.phys_addr, PROBE_MMIO + size);
		assert_int_equal(run->mmio.len, size);
		assert_memory_equal(run->mmio.data, &whole, size);
	}
	guest_run(probe, KVM_EXIT_HLT);
}

PROBE_GUEST(read_sizes,
	    "mov $" PROBE_STR(PROBE_MMIO) ", %esi\n"
					  "mov $" PROBE_STR(PROBE_DATA) ", %edi\n"
									"movzbl 1(%rsi), %eax\n"
									"stosq\n"
									"movzwl 2(%rsi), %eax\n"
									"stosq\n"
									"mov 4(%rsi), %eax\n"
									"stosq\n"
									"mov 8(%rsi), %rax\n"
									"stosq\n"
									"hlt\n");

static void a_read_takes_as_much_of_the_answer_as_it_says(void **state)
{
	const uint64_t expected[] = { 0x88, 0x7788, 0x55667788, 0x1122334455667788 };
	const uint64_t answer = 0x1122334455667788;
	struct probe *probe = *state;
	struct kvm_run *run = probe->vcpu.run;

	assert_int_equal(probe_start(probe, &read_sizes), 0);
	for (unsigned size = 1; size <= 8; size *= 2) {
		guest_run(probe, KVM_EXIT_MMIO);
		assert_false(run->mmio.is_write);
		assert_int_equal(run->mmio.phys_addr, PROBE_MMIO + size);
		assert_int_equal(run->mmio.len, size);
		memcpy(run->mmio.data, &answer, size);
	}
	guest_run(probe, KVM_EXIT_HLT);
	assert_memory_equal(probe->memory + PROBE_DATA, expected, sizeof(expected));
}

PROBE_GUEST(crossing, "movabs $0x1122334455667788, %rax\n"
		      "mov %rax, " PROBE_STR(PAGE_END) " - 4\n"
						       "hlt\n");

/* In one exit or in several, but all of it. */
static void a_write_over_a_page_border_comes_whole(void **state)
{
	const uint64_t whole = 0x1122334455667788;
	struct probe *probe = *state;
	const struct kvm_run *run = probe->vcpu.run;
	uint8_t seen[8];
	unsigned got = 0;

	assert_int_equal(probe_start(probe, &crossing), 0);
	while (got < sizeof(seen)) {
		guest_run(probe, KVM_EXIT_MMIO);
		assert_true(run->mmio.is_write);
		assert_int_equal(run->mmio.phys_addr, PAGE_END - 4 + got);
		assert_in_range(run->mmio.len, 1, sizeof(seen) - got);
		memcpy(seen + got, run->mmio.data, run->mmio.len);
		got += run->mmio.len;
	}
	guest_run(probe, KVM_EXIT_HLT);
	assert_memory_equal(seen, &whole, sizeof(seen));
}

PROBE_GUEST(rep_stos, "mov $0x55667788, %eax\n"
		      "mov $" PROBE_STR(PROBE_MMIO) ", %edi\n"
						    "mov $8, %ecx\n"
						    "rep stosl\n"
						    "hlt\n");

static void rep_stos_writes_every_item(void **state)
{
	const uint32_t item = 0x55667788;
	struct probe *probe = *state;
	const struct kvm_run *run = probe->vcpu.run;

	assert_int_equal(probe_start(probe, &rep_stos), 0);
	for (unsigned i = 0; i < 8; i++) {
		guest_run(probe, KVM_EXIT_MMIO);
		assert_true(run->mmio.is_write);
		assert_int_equal(run->mmio.phys_addr, PROBE_MMIO + 4 * i);
		assert_int_equal(run->mmio.len, 4);
		assert_memory_equal(run->mmio.data, &item, 4);
	}
	guest_run(probe, KVM_EXIT_HLT);
}

PROBE_GUEST(read_modify_write, "orl $0x10, " PROBE_STR(PROBE_MMIO) "\n"
								   "hlt\n");

static void a_read_modify_write_is_a_read_and_a_write(void **state)
{
	const uint32_t before = 0x03, after = 0x13;
	struct probe *probe = *state;
	struct kvm_run *run = probe->vcpu.run;

	assert_int_equal(probe_start(probe, &read_modify_write), 0);
	guest_run(probe, KVM_EXIT_MMIO);
	assert_false(run->mmio.is_write);
	memcpy(run->mmio.data, &before, sizeof(before));
	guest_run(probe, KVM_EXIT_MMIO);
	assert_true(run->mmio.is_write);
	assert_int_equal(run->mmio.len, 4);
	assert_memory_equal(run->mmio.data, &after, sizeof(after));
	guest_run(probe, KVM_EXIT_HLT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(a_write_brings_its_size_and_data),
		guest_test(a_read_takes_as_much_of_the_answer_as_it_says),
		guest_test(a_write_over_a_page_border_comes_whole),
		guest_test(rep_stos_writes_every_item),
		guest_test(a_read_modify_write_is_a_read_and_a_write),
	};

	if (guest_lacks_kvm())
		return GUEST_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
