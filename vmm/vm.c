/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "vmm/ram.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

static int reserve_ram(struct vm *vm, uint64_t size, bool shared)
{
	int r;

	if (shared) {
		vm->ram_fd = ram_create_file(size);
		if (vm->ram_fd < 0)
			return vm->ram_fd;
	}
	r = ram_map(size, vm->ram_fd, &vm->ram);
	if (r == 0)
		vm->ram_size = size;
	return r;
}

static int add_regions(struct vm *vm, uint64_t low, uint64_t high)
{
	uint8_t *ram = vm->ram;
	int r;

	r = guest_mem_add_region(&vm->mem, 0, low, ram);
	if (r == 0)
		r = guest_mem_set_file(&vm->mem, 0, vm->ram_fd, 0);
	if (r < 0 || high == 0)
		return r;
	r = guest_mem_add_region(&vm->mem, BOOT_ABOVE_4G_GPA, high, ram + low);
	return r < 0 ? r : guest_mem_set_file(&vm->mem, BOOT_ABOVE_4G_GPA, vm->ram_fd, low);
}

/* Above the hole the RAM goes on at 4 GiB, as on every PC. */
static int map_ram(struct vm *vm, uint64_t size, bool shared, struct error *error)
{
	uint64_t low = MIN(size, BOOT_MMIO_HOLE_GPA);
	int r = reserve_ram(vm, size, shared);

	if (r < 0)
		return error_set_errno(error, r, "cannot reserve %" PRIu64 " MiB of guest memory",
				       size >> 20);
	r = add_regions(vm, low, size - low);
	return r < 0 ? error_set_errno(error, r, "cannot use the guest memory") : 0;
}

static int give_ram_to_kvm(struct vm *vm, struct error *error)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < vm->mem.nr_regions; i++) {
		const struct guest_mem_region *region = &vm->mem.regions[i];

		r = kvm_set_memory(&vm->kvm, i, region->gpa, region->size, region->hva);
	}
	return r < 0 ? error_set_errno(error, r, "KVM refuses %" PRIu64 " MiB of guest memory",
				       vm->ram_size >> 20)
		     : 0;
}

int vm_create(uint64_t ram_size, bool shared_ram, struct loop *loop, struct vm **ret_vm,
	      struct error *error)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return error_set_errno(error, -ENOMEM, "cannot make a VM");
	vm->kvm = KVM_INIT;
	vm->ram_fd = -1;
	vm->loop = loop;
	vm->pio.space = TRACE_SPACE_PIO;
	vm->mmio.space = TRACE_SPACE_MMIO;
	(void)pthread_mutex_init(&vm->lock, NULL);
	(void)pthread_cond_init(&vm->changed, NULL);
	r = map_ram(vm, ram_size, shared_ram, error);
	if (r < 0) {
		vm_destroy(vm);
		return r;
	}
	*ret_vm = vm;
	return 0;
}

int vm_attach_kvm(struct vm *vm, const char *kvm_path, struct error *error)
{
	int r;

	r = kvm_open(kvm_path, &vm->kvm, error);
	if (r == 0)
		r = kvm_create_vm(&vm->kvm, error);
	if (r == 0)
		r = kvm_create_irqchip(&vm->kvm, error);
	if (r == 0)
		r = give_ram_to_kvm(vm, error);
	return r;
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_deinit(&vm->vcpus[i]);
	free(vm->vcpus);
	kvm_close(&vm->kvm);
	ram_unmap(vm->ram, vm->ram_size);
	if (vm->ram_fd >= 0)
		(void)close(vm->ram_fd);
	(void)pthread_cond_destroy(&vm->changed);
	(void)pthread_mutex_destroy(&vm->lock);
	free(vm);
}

void vm_discard_ram(struct vm *vm)
{
	/* Of a file, the pages are the file's: not to need our mapping of them frees none. */
	(void)madvise(vm->ram, vm->ram_size, vm->ram_fd >= 0 ? MADV_REMOVE : MADV_DONTNEED);
}

int vm_add_vcpus(struct vm *vm, unsigned nr, struct error *error)
{
	vm->vcpus = calloc(nr, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return error_set_errno(error, -ENOMEM, "cannot make %u vCPUs", nr);
	for (unsigned i = 0; i < nr; i++) {
		int r = vcpu_init(&vm->vcpus[i], vm, i, error);

		if (r < 0)
			return r;
		vm->nr_vcpus++;
	}
	return 0;
}

int vm_start(struct vm *vm, struct error *error)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		int r = vcpu_start_thread(&vm->vcpus[i]);

		if (r < 0) {
			vm_end(vm);
			vm_join(vm);
			return error_set_errno(error, r, "cannot start the thread of vCPU %u", i);
		}
	}
	return 0;
}

/* What was resumed before the pause goes on. */
static void run_on(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		kvm_vcpu_clock_paused(&vm->vcpus[i].kvm);
	vm_resume_again(vm);
}

/* Every vCPU is parked, and nobody stopped the machine. */
static void report_paused(struct vm *vm)
{
	/* It may be over already. */
	if (vm->paused)
		vm->events.paused(vm->events.ctx);
	else
		run_on(vm);
}

/* Every vCPU is parked: tell the owner, once. */
static void report_stopped(void *ctx)
{
	struct vm *vm = ctx;
	struct vm_stop stop = { .kind = VM_STOP_INTERRUPT };

	(void)pthread_mutex_lock(&vm->lock);
	vm->stop_posted = false;
	if (vm->ending) {
		(void)pthread_mutex_unlock(&vm->lock);
		return;
	}
	if (!vm->has_stop && !vm->interrupt_wanted) {
		bool parked = vm->nr_running == 0;

		(void)pthread_mutex_unlock(&vm->lock);
		if (parked)
			report_paused(vm);
		return;
	}
	if (vm->has_stop)
		stop = vm->stop;
	if (stop.kind == VM_STOP_INTERRUPT)
		vm->interrupt_wanted = false;
	vm->has_stop = false;
	vm->running = false;
	if (vm->vcpus[stop.vcpu].has_pending && vm->vcpus[stop.vcpu].pending.kind == stop.kind)
		vm->vcpus[stop.vcpu].has_pending = false;
	(void)pthread_mutex_unlock(&vm->lock);
	vm->events.stopped(vm->events.ctx, &stop);
}

static void post_stopped_locked(struct vm *vm)
{
	if (vm->stop_posted || vm->ending)
		return;
	/* Without memory for the post the VM would hang; ending it is the lesser evil. */
	if (loop_post(vm->loop, report_stopped, vm) < 0) {
		vm->ending = true;
		(void)pthread_cond_broadcast(&vm->changed);
		loop_quit(vm->loop);
		return;
	}
	vm->stop_posted = true;
}

static void kick_all_locked(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i].resume != GDB_RESUME_NONE)
			vcpu_kick_locked(&vm->vcpus[i]);
}

void vm_note_parked_locked(struct vm *vm, struct vcpu *vcpu)
{
	vcpu->resume = GDB_RESUME_NONE;
	if (--vm->nr_running == 0)
		post_stopped_locked(vm);
}

void vm_request_stop(struct vm *vm)
{
	SCOPED_LOCK(&vm->lock);

	vm->interrupt_wanted = true;
	if (vm->nr_running == 0)
		post_stopped_locked(vm);
	else
		kick_all_locked(vm);
}

void vm_stop_for(struct vm *vm, const struct vm_stop *stop)
{
	SCOPED_LOCK(&vm->lock);

	/* The first event is the one reported, unless a later one ends the guest. */
	if (!vm->has_stop || (stop->kind >= VM_STOP_POWER_OFF && stop->kind > vm->stop.kind)) {
		vm->stop = *stop;
		vm->has_stop = true;
	}
	vm->vcpus[stop->vcpu].pending = *stop;
	vm->vcpus[stop->vcpu].has_pending = true;
	kick_all_locked(vm);
}

unsigned vm_current_vcpu(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i].has_thread && pthread_equal(vm->vcpus[i].thread, pthread_self()))
			return i;
	return 0;
}

/*
 * A breakpoint that another vCPU's stop overtook is hit again by itself, since its instruction has
 * not run.  An access that a watchpoint saw has happened and must not be forgotten; nor the end of
 * a step, unless the debugger has decided anew since (@again is false).
 */
static bool report_overtaken_stop(struct vm *vm, const enum gdb_resume_kind *kinds, bool again)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];
		enum vm_stop_kind kind = vcpu->pending.kind;

		if (!vcpu->has_pending || kinds[i] == GDB_RESUME_NONE)
			continue;
		vcpu->has_pending = false;
		if (kind != VM_STOP_WATCHPOINT && kind < VM_STOP_POWER_OFF &&
		    !(kind == VM_STOP_STEP && again))
			continue;
		vm->stop = vcpu->pending;
		vm->has_stop = true;
		post_stopped_locked(vm);
		return true;
	}
	return false;
}

static void resume(struct vm *vm, const enum gdb_resume_kind *kinds, bool again)
{
	SCOPED_LOCK(&vm->lock);

	if (vm->ending)
		return;
	vm->running = true;
	if (report_overtaken_stop(vm, kinds, again))
		return;
	if (again && vm->interrupt_wanted) {
		post_stopped_locked(vm);
		return;
	}
	vm->interrupt_wanted = false;
	if (vm->paused) {
		post_stopped_locked(vm);
		return;
	}
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		/* Of those that stay parked too: one that runs may send them an INIT. */
		vcpu->has_regs = false;
		if (kinds[i] == GDB_RESUME_NONE)
			continue;
		atomic_store(&vcpu->park, false);
		vcpu->kvm.run->immediate_exit = 0;
		vcpu->resume = kinds[i];
		vm->nr_running++;
	}
	(void)pthread_cond_broadcast(&vm->changed);
}

void vm_resume(struct vm *vm, const enum gdb_resume_kind *kinds)
{
	memmove(vm->last_kinds, kinds, vm->nr_vcpus * sizeof(*kinds));
	resume(vm, kinds, false);
}

void vm_resume_again(struct vm *vm)
{
	resume(vm, vm->last_kinds, true);
}

void vm_resume_all(struct vm *vm)
{
	enum gdb_resume_kind kinds[VM_MAX_VCPUS];

	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		kinds[i] = GDB_RESUME_CONTINUE;
	vm_resume(vm, kinds);
}

void vm_pause(struct vm *vm)
{
	SCOPED_LOCK(&vm->lock);

	vm->paused = true;
	if (vm->nr_running > 0)
		kick_all_locked(vm);
	else if (vm->running)
		post_stopped_locked(vm);
}

void vm_unpause(struct vm *vm)
{
	bool parked;

	if (!vm->paused)
		return;
	vm->paused = false;
	(void)pthread_mutex_lock(&vm->lock);
	/* Otherwise report_paused() will see. */
	parked = vm->nr_running == 0 && !vm->stop_posted;
	(void)pthread_mutex_unlock(&vm->lock);
	if (parked && vm->running)
		run_on(vm);
}

bool vm_is_parked(struct vm *vm)
{
	SCOPED_LOCK(&vm->lock);

	return vm->nr_running == 0;
}

void vm_end(struct vm *vm)
{
	SCOPED_LOCK(&vm->lock);

	vm->ending = true;
	kick_all_locked(vm);
	(void)pthread_cond_broadcast(&vm->changed);
}

void vm_join(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpus[i].has_thread)
			(void)pthread_join(vm->vcpus[i].thread, NULL);
	}
	/* Not before the last has ended: the others read it. */
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vm->vcpus[i].has_thread = false;
}
