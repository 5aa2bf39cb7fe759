/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdbstub/memory.h"
#include "gdbstub/x86.h"
#include "tests/support/fake_target.h"

#define FIRST_TABLE     0x10000ull
#define PTE_TABLE       0x7ull /* present, writable, user */
#define INSTRUCTION_MAX 3u

static struct fake_target *fake_of(struct gdb_target *target)
{
	return container_of(target, struct fake_target, target);
}

static unsigned fake_nr_vcpus(struct gdb_target *target)
{
	return fake_of(target)->nr_vcpus;
}

static int fake_read_regs(struct gdb_target *target, unsigned vcpu, struct x86_regs *ret_regs)
{
	assert(!fake_of(target)->running && vcpu < fake_of(target)->nr_vcpus);
	*ret_regs = fake_of(target)->regs[vcpu];
	return 0;
}

static int fake_write_regs(struct gdb_target *target, unsigned vcpu, const struct x86_regs *regs)
{
	assert(!fake_of(target)->running && vcpu < fake_of(target)->nr_vcpus);
	fake_of(target)->regs[vcpu] = *regs;
	return 0;
}

static int fake_read_phys(struct gdb_target *target, uint64_t gpa, void *buf, size_t len)
{
	if (!range_within(gpa, len, 0, FAKE_MEMORY_SIZE))
		return -EFAULT;
	memcpy(buf, fake_of(target)->memory + gpa, len);
	return 0;
}

static int fake_write_phys(struct gdb_target *target, uint64_t gpa, const void *buf, size_t len)
{
	if (!range_within(gpa, len, 0, FAKE_MEMORY_SIZE))
		return -EFAULT;
	memcpy(fake_of(target)->memory + gpa, buf, len);
	return 0;
}

static int fake_image_translate(struct gdb_target *target, uint64_t gva, uint64_t *ret_gpa)
{
	const struct fake_target *fake = fake_of(target);

	if (!range_within(gva, 1, fake->image_gva, fake->image_size))
		return -ENOENT;
	*ret_gpa = fake->image_gpa + (gva - fake->image_gva);
	return 0;
}

static int fake_set_debug(struct gdb_target *target, const struct gdb_debug_setup *setup)
{
	struct fake_target *fake = fake_of(target);

	assert(!fake->running);
	fake->setup = *setup;
	fake->set_debugs++;
	return 0;
}

static int fake_resume(struct gdb_target *target, const enum gdb_resume_kind *kinds)
{
	struct fake_target *fake = fake_of(target);

	assert(!fake->running);
	if (fake->fail_resume < 0) {
		int r = fake->fail_resume;

		fake->fail_resume = 0;
		return r;
	}
	memcpy(fake->kinds, kinds, fake->nr_vcpus * sizeof(*kinds));
	fake->running = true;
	fake->interrupted = false;
	fake->resumes++;
	if (fake->hooks.resumed)
		fake->hooks.resumed(fake->hooks.ctx);
	return 0;
}

static int fake_interrupt(struct gdb_target *target)
{
	fake_of(target)->interrupted = true;
	fake_of(target)->interrupts++;
	return 0;
}

static int fake_describe(struct gdb_target *target, unsigned vcpu, char *buf, size_t size)
{
	(void)snprintf(buf, size, "fake vCPU %u, %s", vcpu,
		       fake_of(target)->running ? "running" : "stopped");
	return 0;
}

static int fake_kill(struct gdb_target *target)
{
	struct fake_target *fake = fake_of(target);

	fake->killed = true;
	fake->running = false;
	if (fake->hooks.killed)
		fake->hooks.killed(fake->hooks.ctx);
	return 0;
}

static const struct gdb_target_ops fake_ops = {
	.nr_vcpus = fake_nr_vcpus,
	.read_regs = fake_read_regs,
	.write_regs = fake_write_regs,
	.read_phys = fake_read_phys,
	.write_phys = fake_write_phys,
	.image_translate = fake_image_translate,
	.set_debug = fake_set_debug,
	.resume = fake_resume,
	.interrupt = fake_interrupt,
	.describe = fake_describe,
	.kill = fake_kill,
};

static void *checked_calloc(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		abort();
	return memory;
}

void fake_target_init(struct fake_target *fake, unsigned nr_vcpus)
{
	uint64_t root;

	*fake = (struct fake_target){ .target.ops = &fake_ops, .nr_vcpus = nr_vcpus };
	fake->regs = checked_calloc(nr_vcpus, sizeof(*fake->regs));
	fake->kinds = checked_calloc(nr_vcpus, sizeof(*fake->kinds));
	fake->memory = checked_calloc(1, FAKE_MEMORY_SIZE);
	fake->next_table = FIRST_TABLE;
	root = fake_target_new_root(fake);
	for (uint64_t at = 0; at < FAKE_KERNEL_SIZE; at += 4096)
		fake_target_map(fake, root, FAKE_KERNEL_GVA + at, FAKE_KERNEL_GPA + at);
	memset(fake->memory + FAKE_KERNEL_GPA, 0x90, FAKE_KERNEL_SIZE);
	for (unsigned i = 0; i < nr_vcpus; i++) {
		struct x86_regs *regs = &fake->regs[i];

		regs->rip = FAKE_KERNEL_GVA;
		regs->rflags = 2;
		regs->cs = 0x10;
		regs->cs_long = true;
		regs->cr0 = X86_CR0_PE | X86_CR0_PG;
		regs->cr3 = root;
		regs->cr4 = X86_CR4_PAE;
		regs->efer = X86_EFER_LMA | 1 << 8;
	}
}

void fake_target_destroy(struct fake_target *fake)
{
	free(fake->regs);
	free(fake->kinds);
	free(fake->memory);
}

uint64_t fake_target_new_root(struct fake_target *fake)
{
	uint64_t table = fake->next_table;

	assert(table + 4096 <= FAKE_KERNEL_GPA);
	fake->next_table += 4096;
	return table;
}

void fake_target_write(struct fake_target *fake, uint64_t gpa, const void *data, size_t len)
{
	assert(range_within(gpa, len, 0, FAKE_MEMORY_SIZE));
	memcpy(fake->memory + gpa, data, len);
}

uint64_t fake_target_u64(const struct fake_target *fake, uint64_t gpa)
{
	uint64_t value;

	assert(range_within(gpa, 8, 0, FAKE_MEMORY_SIZE));
	memcpy(&value, fake->memory + gpa, 8);
	return value;
}

void fake_target_map(struct fake_target *fake, uint64_t root, uint64_t gva, uint64_t gpa)
{
	uint64_t table = root, entry;

	for (unsigned shift = 39; shift > 12; shift -= 9) {
		uint64_t at = table + (gva >> shift & 511) * 8;

		entry = fake_target_u64(fake, at);
		if (!(entry & 1)) {
			entry = fake_target_new_root(fake) | PTE_TABLE;
			fake_target_write(fake, at, &entry, 8);
		}
		table = entry & ~0xfffull;
	}
	entry = gpa | PTE_TABLE;
	fake_target_write(fake, table + (gva >> 12 & 511) * 8, &entry, 8);
}

/* The watchpoint that an access of 8 bytes at @addr meets, or -1. */
static int watch_hit(const struct fake_target *fake, uint64_t addr, bool is_write)
{
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		const struct gdb_hw_slot *slot = &fake->setup.hw[i];

		if (!slot->used || slot->type == GDB_HW_EXECUTE ||
		    (slot->type == GDB_HW_WRITE && !is_write))
			continue;
		if (addr < slot->addr + slot->len && slot->addr < addr + 8)
			return (int)i;
	}
	return -1;
}

static int execute_hit(const struct fake_target *fake, uint64_t pc)
{
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		const struct gdb_hw_slot *slot = &fake->setup.hw[i];

		if (slot->used && slot->type == GDB_HW_EXECUTE && slot->addr == pc)
			return (int)i;
	}
	return -1;
}

/* Moves 8 bytes between (%rbx) and a register.  Return: false on a page fault. */
static bool move(struct fake_target *fake, struct x86_regs *regs, bool is_write, int *ret_watch)
{
	size_t len;
	int r;

	if (is_write)
		r = gdb_memory_write(&fake->target, regs, regs->gpr[1], &regs->gpr[0], 8);
	else
		r = gdb_memory_read(&fake->target, regs, regs->gpr[1], &regs->gpr[2], 8, &len);
	*ret_watch = watch_hit(fake, regs->gpr[1], is_write);
	return r == 0;
}

/* One instruction of @vcpu.  Return: true if it stops the machine, for the reason in @stop. */
static bool execute(struct fake_target *fake, unsigned vcpu, struct gdb_stop *stop)
{
	struct x86_regs *regs = &fake->regs[vcpu];
	uint8_t code[INSTRUCTION_MAX] = { 0 };
	int watch = -1, hit = execute_hit(fake, regs->rip);
	size_t len;

	*stop = (struct gdb_stop){ .kind = GDB_STOP_DIED, .vcpu = vcpu };
	if (hit >= 0 && (fake->ignores_rf || !(regs->rflags & X86_RFLAGS_RF))) {
		stop->kind = GDB_STOP_HWBREAK;
		stop->slot = (unsigned)hit;
		return true;
	}
	if (gdb_memory_read(&fake->target, regs, regs->rip, code, sizeof(code), &len) < 0)
		return true;
	if (code[0] == 0x90) {
		regs->rip += 1;
	} else if (memcmp(code, "\x48\xff\xc0", 3) == 0) {
		regs->gpr[0]++;
		regs->rip += 3;
	} else if (memcmp(code, "\x48\x89\x03", 3) == 0 || memcmp(code, "\x48\x8b\x0b", 3) == 0) {
		if (!move(fake, regs, code[1] == 0x89, &watch))
			return true;
		regs->rip += 3;
	} else if (code[0] == 0xeb) {
		regs->rip += 2 + (uint64_t)(int64_t)(int8_t)code[1];
	} else if (code[0] == X86_INT3) {
		if (fake->setup.sw_breakpoints &&
		    fake->hooks.owns_breakpoint(fake->hooks.ctx, vcpu, regs->rip)) {
			stop->kind = GDB_STOP_SWBREAK;
			return true;
		}
		fake->guest_int3s++;
		regs->rip += 1;
	} else {
		if (code[0] == 0xf4)
			stop->kind = GDB_STOP_GUEST_EXITED;
		return true;
	}
	regs->rflags &= ~X86_RFLAGS_RF;
	if (watch >= 0) {
		stop->kind = GDB_STOP_WATCHPOINT;
		stop->slot = (unsigned)watch;
		return true;
	}
	stop->kind = GDB_STOP_STEP;
	return fake->kinds[vcpu] == GDB_RESUME_STEP;
}

/* One instruction of each vCPU; the one after the last that stopped begins. */
static bool run_round(struct fake_target *fake, struct gdb_stop *stop)
{
	for (unsigned i = 0; i < fake->nr_vcpus; i++) {
		unsigned vcpu = fake->turn;

		if (fake->interrupted) {
			*stop = (struct gdb_stop){ .kind = GDB_STOP_INTERRUPT };
			return true;
		}
		fake->turn = (vcpu + 1) % fake->nr_vcpus;
		if (fake->kinds[vcpu] != GDB_RESUME_NONE && execute(fake, vcpu, stop))
			return true;
	}
	return false;
}

bool fake_target_run(struct fake_target *fake, unsigned budget)
{
	while (fake->running && budget-- > 0) {
		struct gdb_stop stop;

		/* Operations are called from here on, and they want a stopped machine. */
		fake->running = false;
		if (run_round(fake, &stop))
			fake->hooks.report_stop(fake->hooks.ctx, &stop);
		else
			fake->running = true;
	}
	return !fake->running;
}
