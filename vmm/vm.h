/* SPDX-License-Identifier: MIT */
/*
 * One virtual machine: its memory, its buses, its vCPUs and the protocol that stops and resumes
 * them.
 *
 * Threads: the main loop's thread (here: the main thread) builds the VM, asks for stops and resumes
 * it; each vCPU has a thread of its own.  The stop protocol is all-stop:
 *
 *   running --vm_request_stop(), a debug event, death, or a power request--> stopping
 *   stopping --the last vCPU has parked; events->stopped(), on the loop's thread--> stopped
 *   stopped --vm_resume()--> running
 *   any --vm_end()--> ended: every vCPU's thread returns
 *
 * vm_pause() is beneath that: it parks the vCPUs of a machine that goes on running for whoever
 * stops and resumes it.
 *
 * A vCPU that parks has completed the access it exited for, so its registers are what the guest
 * would see.
 *
 * Locks, outermost first: vm->lock, then a device's lock, then the loop's.  vm->lock is never held
 * while KVM_RUN or a device's operation runs.
 */
#ifndef GLASSBOX_VMM_VM_H
#define GLASSBOX_VMM_VM_H

#include <pthread.h>

#include "base/error.h"
#include "base/guest_mem.h"
#include "base/loop.h"
#include "devices/device.h"
#include "gdbstub/target.h"
#include "vmm/bus.h"
#include "vmm/kvm.h"

#define VM_MAX_VCPUS 32u

struct vcpu;
struct vm;

enum vm_stop_kind {
	VM_STOP_INTERRUPT, /* vm_request_stop() */
	VM_STOP_STEP,
	VM_STOP_SWBREAK, /* an int3, ours or the guest's */
	VM_STOP_HWBREAK,
	VM_STOP_WATCHPOINT,
	VM_STOP_GUEST_DEBUG,  /* a #DB that is the guest's own business */
	VM_STOP_POWER_OFF,    /* the guest asked for it */
	VM_STOP_RESET,        /* the guest asked for it */
	VM_STOP_DEBUG_EXIT,   /* likewise, with a status */
	VM_STOP_PANIC,        /* the guest's kernel says that it has panicked */
	VM_STOP_TRIPLE_FAULT, /* from here on: the guest cannot go on */
	/* KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_FAIL_ENTRY, an unknown exit, -errno */
	VM_STOP_KVM_ERROR,
};

struct vm_stop {
	enum vm_stop_kind kind;
	unsigned vcpu;
	unsigned slot; /* of VM_STOP_HWBREAK and VM_STOP_WATCHPOINT */
	/*
	 * Of VM_STOP_KVM_ERROR: -errno of KVM_RUN, or 0: look at the vCPU's kvm_run.  Of
	 * VM_STOP_DEBUG_EXIT: the status.
	 */
	int code;
};

struct vm_events {
	/* On the loop's thread: every vCPU is parked, @stop says why. */
	void (*stopped)(void *ctx, const struct vm_stop *stop);
	/* On the loop's thread: every vCPU is parked, because of vm_pause() alone. */
	void (*paused)(void *ctx);
	void *ctx;
};

struct vm {
	/* immutable while vCPU threads exist */
	struct kvm kvm;
	struct guest_mem mem;
	struct bus pio, mmio;
	struct loop *loop;
	struct vm_events events;
	struct vcpu *vcpus;
	unsigned nr_vcpus;
	void *ram;
	uint64_t ram_size;
	int ram_fd; /* that ram is a shared mapping of; -1: it is private */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* a vCPU may go on, or must return */
	bool ending;            /* under lock */
	bool stop_posted;       /* under lock: one of events is on its way, stopped or paused */
	unsigned nr_running;    /* under lock: vCPUs that have not parked */
	bool has_stop;          /* under lock */
	struct vm_stop stop;    /* under lock: the first event since the resume, or a graver one */
	bool interrupt_wanted;  /* under lock: vm_request_stop() was not answered yet */

	/* loop thread */
	bool running; /* resumed, and not yet reported stopped */
	bool paused;  /* vm_pause(): nothing runs, resumed or not */
	struct gdb_debug_setup debug;
	enum gdb_resume_kind last_kinds[VM_MAX_VCPUS];
};

/**
 * vm_create() - a VM that has RAM, and nothing else yet
 * @ram_size: bytes, a multiple of 4 KiB; the part above BOOT_MMIO_HOLE_GPA goes above 4 GiB
 * @shared_ram: other processes can map it, too: those that get its file (guest_mem_set_file())
 * @loop: borrowed until vm_destroy()
 *
 * Either way the host gives a page when it is first touched.  Return: 0, or -errno with @error set.
 */
int vm_create(uint64_t ram_size, bool shared_ram, struct loop *loop, struct vm **ret_vm,
	      struct error *error) __must_check;

/**
 * vm_attach_kvm() - open KVM and give it the RAM, and the VM interrupt controllers; once
 * @kvm_path: usually "/dev/kvm"
 *
 * The RAM may be written to meanwhile, by another thread: KVM waits here, some ms for each call
 * that changes what its vCPUs could see.  Return: 0, or -errno with @error set; the VM is of no use
 * then.
 */
int vm_attach_kvm(struct vm *vm, const char *kvm_path, struct error *error) __must_check;

/** vm_destroy() - after vm_end() and vm_join(), or if no vCPU was started; NULL is fine */
void vm_destroy(struct vm *vm);

/** vm_discard_ram() - zero all RAM and give it back to the host; while no vCPU runs */
void vm_discard_ram(struct vm *vm);

/** vm_add_vcpus() - @nr vCPUs in the state after reset; once */
int vm_add_vcpus(struct vm *vm, unsigned nr, struct error *error) __must_check;

/** vm_note_parked_locked() - a vCPU's own thread says that it has parked */
void vm_note_parked_locked(struct vm *vm, struct vcpu *vcpu);

/** vm_start() - start every vCPU's thread, parked; call vm_resume() to let the guest run */
int vm_start(struct vm *vm, struct error *error) __must_check;

/** vm_resume() - @kinds[i] is what vCPU i shall do.  Loop thread, while stopped. */
void vm_resume(struct vm *vm, const enum gdb_resume_kind *kinds);

/** vm_resume_all() - every vCPU continues */
void vm_resume_all(struct vm *vm);

/**
 * vm_resume_again() - every vCPU does what the last vm_resume() said.  Loop thread.
 *
 * After a stop that nobody else hears of: stops that it overtook, and a vm_request_stop() on its
 * way, are reported before anything runs.
 */
void vm_resume_again(struct vm *vm);

/**
 * vm_pause() - hold every vCPU until vm_unpause().  Loop thread.
 *
 * events->paused() follows, unless the machine is stopped or about to be: then events->stopped()
 * said or says so.  It comes again whenever a stopped machine is resumed meanwhile: the resume is
 * kept, and happens at vm_unpause().  A second pause is the first one.
 */
void vm_pause(struct vm *vm);

/** vm_unpause() - go on with what was resumed last; nothing if it is not paused.  Loop thread. */
void vm_unpause(struct vm *vm);

/** vm_is_parked() - no vCPU runs now.  Loop thread. */
bool vm_is_parked(struct vm *vm);

/** vm_request_stop() - stop all vCPUs; events->stopped() follows, VM_STOP_INTERRUPT or better. Loop
 * thread. */
void vm_request_stop(struct vm *vm);

/** vm_stop_for() - the calling vCPU's thread met @stop: record it and have every vCPU park */
void vm_stop_for(struct vm *vm, const struct vm_stop *stop);

/** vm_current_vcpu() - index of the vCPU whose thread calls; 0 on any other thread */
unsigned vm_current_vcpu(const struct vm *vm);

/** vm_end() - make every vCPU's thread return.  Any thread. */
void vm_end(struct vm *vm);

/** vm_join() - wait for the vCPUs' threads.  Main thread, after vm_end(). */
void vm_join(struct vm *vm);

#endif
