/* SPDX-License-Identifier: MIT */
/*
 * `glassbox run`: the life of one machine, from the command line to the exit status.  Everything
 * here is on the main thread, which runs the loop.
 */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "base/cleanup.h"
#include "base/elf_symbols.h"
#include "base/log.h"
#include "gdbstub/server.h"
#include "trace/loader.h"
#include "trace/session.h"
#include "vmm/board.h"
#include "vmm/config.h"
#include "vmm/control/control.h"
#include "vmm/death.h"
#include "vmm/gdb_target.h"
#include "vmm/run.h"
#include "vmm/status.h"
#include "vmm/vcpu.h"

struct run {
	struct run_options *options;
	struct rootfs rootfs;
	struct loop *loop;
	struct consoles *consoles;
	struct trace_session *session;
	struct elf_symbols *symbols; /* NULL: none */
	struct board *board;
	struct gdb_server *gdb; /* NULL: no debugger asked for */
	struct gdb_target_vm target;
	struct control_machine machine; /* what the control socket controls */
	struct control *control;        /* NULL: no control socket asked for */
	int signal_fd;
	struct loop_source *signals;
	int status;
	const char *cause; /* of the end, for the trace */
};

static void finish(struct run *run, int status, const char *cause)
{
	if (run->cause)
		return;
	run->status = status;
	run->cause = cause;
	loop_quit(run->loop);
}

/* In these two, a guest that had died before keeps the status of its death. */
static void killed_by_debugger(void *ctx)
{
	struct run *run = ctx;

	finish(run, run->status, "ended by the debugger");
}

static void quit_by_client(void *ctx)
{
	struct run *run = ctx;

	finish(run, run->status, "quit by a control client");
}

static void quit_by_user(void *ctx)
{
	finish(ctx, GLASSBOX_STATUS_OK, "quit by the user");
}

static void signal_arrived(void *ctx, uint32_t events)
{
	struct run *run = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(run->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		if (run->consoles)
			consoles_check_size(run->consoles);
		return;
	}
	finish(run, GLASSBOX_STATUS_SIGNALLED + (int)info.ssi_signo, "ended by a signal");
}

/* SIGPIPE would end us for a reader of our output that went away. */
static int watch_signals(struct run *run)
{
	sigset_t mask;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGHUP);
	(void)sigaddset(&mask, SIGQUIT);
	(void)sigaddset(&mask, SIGWINCH);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	run->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return -errno;
	return loop_add(run->loop, run->signal_fd, EPOLLIN, signal_arrived, run, &run->signals);
}

/* Its vCPUs are parked or joined. */
static void trace_machine_end(struct vm *vm, int status, const char *cause)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_trace_counters(&vm->vcpus[i]);
	trace_vm_stop((uint32_t)status, cause);
}

static int build_board(struct run *run, struct error *error);
static int start_machine(struct run *run, struct error *error);

/*
 * The user's file, or the kernel itself, read only now that a name is needed; NULL if neither has
 * symbols.
 */
static const struct elf_symbols *symbols_of(struct run *run)
{
	if (!run->symbols && elf_symbols_open(run->options->kernel, &run->symbols, NULL) < 0)
		log_debug("the kernel has no symbols: --symbols FILE would name functions");
	return run->symbols;
}

static void reset_failed(struct run *run, const struct error *error)
{
	log_error("cannot start the guest anew: %s", error->message);
	finish(run, GLASSBOX_STATUS_FAILURE, "reset failed");
}

/* The guest reset itself: the end, unless it panicked or the user wants it to start anew. */
static void guest_reset(struct run *run, const struct vm_stop *stop)
{
	struct board *old = run->board;
	const char *panic = consoles_panic(run->consoles);
	struct error error;

	if (panic[0] != '\0') {
		death_report_panic(&old->vm->vcpus[stop->vcpu], panic, "reset the machine",
				   symbols_of(run));
		finish(run, GLASSBOX_STATUS_GUEST_PANIC, "guest panic");
		return;
	}
	if (!run->options->reboot) {
		finish(run, GLASSBOX_STATUS_OK, "reset");
		return;
	}
	consoles_unplug(run->consoles);
	/* The old machine stays until there is a new one: the debugger needs one to look at. */
	board_release(old);
	if (build_board(run, &error) < 0) {
		reset_failed(run, &error);
		return;
	}
	/* For a trace it is another machine: its vCPUs count from 1 again. */
	trace_machine_end(old->vm, GLASSBOX_STATUS_OK, "reset");
	if (old->vm->paused)
		vm_pause(run->board->vm);
	board_destroy(old);
	if (start_machine(run, &error) < 0)
		reset_failed(run, &error);
	else if (!run->gdb)
		vm_resume_all(run->board->vm);
	else if (gdb_server_machine_reset(run->gdb) < 0)
		finish(run, GLASSBOX_STATUS_FAILURE, "reset failed");
}

/* With gdb there the dead machine stays, to be looked at; any resume ends it. */
static void finish_dead(struct run *run, const struct vm_stop *stop, int status, const char *cause)
{
	struct gdb_stop gdb_stop;

	run->status = status;
	if (run->gdb && gdb_server_is_attached(run->gdb) && gdb_target_stop(stop, &gdb_stop)) {
		run->target.dead = true;
		run->machine.dead = true;
		gdb_server_report_stop(run->gdb, &gdb_stop);
	} else {
		finish(run, status, cause);
	}
}

static void guest_died(struct run *run, const struct vm_stop *stop)
{
	death_report(&run->board->vm->vcpus[stop->vcpu], stop, symbols_of(run));
	if (stop->kind == VM_STOP_TRIPLE_FAULT)
		finish_dead(run, stop, GLASSBOX_STATUS_TRIPLE_FAULT, "triple fault");
	else
		finish_dead(run, stop, GLASSBOX_STATUS_KVM_ERROR, "KVM error");
}

static void guest_panicked(struct run *run, const struct vm_stop *stop)
{
	death_report_panic(&run->board->vm->vcpus[stop->vcpu], consoles_panic(run->consoles),
			   "told pvpanic", symbols_of(run));
	finish_dead(run, stop, GLASSBOX_STATUS_GUEST_PANIC, "guest panic");
}

static bool is_debuggers_breakpoint(struct run *run, unsigned vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_vcpu *kvm = &run->board->vm->vcpus[vcpu].kvm;

	/*
	 * If KVM will not say where it stopped, the debugger is the better place to find out why.
	 */
	if (kvm_vcpu_get_regs(kvm, &regs) < 0 || kvm_vcpu_get_sregs(kvm, &sregs) < 0)
		return true;
	return gdb_server_owns_breakpoint(run->gdb, vcpu, sregs.cs.base + regs.rip);
}

/* An exception of the guest's own goes to the guest; what is for the debugger goes there. */
static void guest_stopped_to_debug(struct run *run, const struct vm_stop *stop)
{
	struct vm *vm = run->board->vm;
	bool own_exception = stop->kind == VM_STOP_GUEST_DEBUG;
	struct gdb_stop gdb_stop;

	if (stop->kind == VM_STOP_SWBREAK)
		own_exception = !run->gdb || !is_debuggers_breakpoint(run, stop->vcpu);
	if (own_exception) {
		if (gdb_target_inject(vm, stop) < 0)
			log_warning("cannot pass the guest its own breakpoint exception");
		vm_resume_again(vm);
		return;
	}
	if (run->gdb && gdb_target_stop(stop, &gdb_stop))
		gdb_server_report_stop(run->gdb, &gdb_stop);
	else
		vm_resume_again(vm);
}

/* A KVM without hardware virtualisation cannot emulate int3, and fails where it should stop. */
static bool is_failed_breakpoint(struct run *run, const struct vm_stop *stop)
{
	const struct kvm_run *kvm_run = run->board->vm->vcpus[stop->vcpu].kvm.run;

	return stop->kind == VM_STOP_KVM_ERROR && stop->code == 0 &&
	       kvm_run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	       kvm_run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && run->gdb &&
	       is_debuggers_breakpoint(run, stop->vcpu);
}

/* Only the control socket pauses. */
static void guest_paused(void *ctx)
{
	struct run *run = ctx;

	consoles_flush(run->consoles);
	control_machine_parked(run->control);
}

static void guest_stopped(void *ctx, const struct vm_stop *stop)
{
	struct run *run = ctx;
	struct vm_stop breakpoint;

	/* What the guest printed comes before what is said about it. */
	consoles_flush(run->consoles);
	/* The machine ends already: how is said, and nothing begins anew. */
	if (run->cause)
		return;
	if (is_failed_breakpoint(run, stop)) {
		breakpoint = *stop;
		breakpoint.kind = VM_STOP_SWBREAK;
		stop = &breakpoint;
	}

	switch (stop->kind) {
	case VM_STOP_POWER_OFF: finish(run, GLASSBOX_STATUS_OK, "power-off"); break;
	case VM_STOP_RESET: guest_reset(run, stop); break;
	case VM_STOP_DEBUG_EXIT: finish(run, stop->code, "debug exit"); break;
	case VM_STOP_PANIC: guest_panicked(run, stop); break;
	case VM_STOP_TRIPLE_FAULT:
	case VM_STOP_KVM_ERROR: guest_died(run, stop); break;
	default: guest_stopped_to_debug(run, stop);
	}
	/* A pause on its way is overtaken, and answered; unless the machine goes on. */
	if (run->control && !run->cause)
		control_machine_parked(run->control);
}

/* Every vCPU's thread, parked; the trace begins with what the machine is. */
static int start_machine(struct run *run, struct error *error)
{
	struct vm *vm = run->board->vm;

	trace_vm_start(GLASSBOX_VERSION, vm->nr_vcpus, vm->ram_size, run->board->boot.description,
		       0);
	bus_trace(&vm->pio);
	bus_trace(&vm->mmio);
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_trace_counters(&vm->vcpus[i]);
	return vm_start(vm, error);
}

static int build_board(struct run *run, struct error *error)
{
	const struct board_config config = {
		.options = run->options,
		.loop = run->loop,
		.events = { .stopped = guest_stopped, .paused = guest_paused, .ctx = run },
		.consoles = run->consoles,
	};
	int r;

	r = board_create(&config, &run->board, error);
	if (r < 0) {
		consoles_unplug(run->consoles);
		return r;
	}
	run->machine.board = run->board;
	gdb_target_init(&run->target, run->board->vm, &run->board->boot, killed_by_debugger, run);
	return 0;
}

static int start_trace(struct run *run, struct error *error)
{
	const struct run_options *options = run->options;
	int r;

	if (!options->trace_dir)
		return trace_load(options->trace_provider ? TRACE_LOAD_PROVIDER
							  : TRACE_LOAD_PRELOADED,
				  error);
	r = trace_session_start(options->trace_dir, 0, &run->session, error);
	return r < 0 ? r : trace_load(TRACE_LOAD_RECORDING, error);
}

static void stop_trace(struct run *run)
{
	struct trace_lost lost = { 0 };
	struct error error;

	if (!run->session)
		return;
	if (trace_session_stop(run->session, &lost, &error) < 0)
		log_warning("%s", error.message);
	run->session = NULL;
	if (lost.events || lost.packets || lost.disk_full || lost.unfinished)
		log_warning("trace '%s' is incomplete: %llu events and %llu packets lost%s%s",
			    run->options->trace_dir, (unsigned long long)lost.events,
			    (unsigned long long)lost.packets,
			    lost.disk_full ? ", no space left for its end" : "",
			    lost.unfinished ? ", its end is missing" : "");
	else
		log_info("trace written to '%s', no event lost", run->options->trace_dir);
}

static int open_consoles(struct run *run, struct error *error)
{
	const struct consoles_config config = {
		.serial = run->options->console,
		.ports = virtio_list_console(&run->options->virtio),
		.loop = run->loop,
		.quit = quit_by_user,
		.quit_ctx = run,
	};

	return consoles_open(&config, &run->consoles, error);
}

static int open_control(struct run *run, struct error *error)
{
	run->machine.options = run->options;
	run->machine.gdb = run->gdb;
	run->machine.quit = quit_by_client;
	run->machine.ctx = run;
	return control_create(run->loop, run->options->control, &run->machine, &run->control,
			      error);
}

/* Once all is well: a refusal is one line. */
static void tell_addresses(const struct run *run)
{
	consoles_log_addresses(run->consoles);
	if (run->gdb)
		log_info("gdb can connect to %s", gdb_server_address(run->gdb));
	if (run->control)
		log_info("control socket at %s", run->options->control);
}

/* The options then say what it made. */
static int make_rootfs(struct run *run, struct error *error)
{
	struct run_options *options = run->options;
	const struct rootfs_config config = { .options = &options->rootfs,
					      .devices = &options->virtio,
					      .kernel = options->kernel,
					      .append = options->append,
					      .command = options->exec,
					      .exit_port = options->debug_exit };
	int r;

	if (!options->rootfs.path)
		return 0;
	r = rootfs_create(&config, &run->rootfs, error);
	if (r < 0)
		return r;
	options->initrd = run->rootfs.initrd;
	options->append = run->rootfs.cmdline;
	return 0;
}

/* The trace comes last: whatever fails before has made no files. */
static int start(struct run *run, struct error *error)
{
	const struct run_options *options = run->options;
	int r;

	r = loop_create(&run->loop);
	if (r == 0)
		r = watch_signals(run);
	if (r < 0)
		return error_set_errno(error, r, "cannot set up the event loop");
	if (options->symbols)
		r = elf_symbols_open(options->symbols, &run->symbols, error);
	if (r == 0)
		r = make_rootfs(run, error);
	if (r == 0)
		r = open_consoles(run, error);
	if (r == 0)
		r = build_board(run, error);
	if (r == 0 && options->gdb)
		r = gdb_server_create(run->loop, options->gdb, &run->target.target,
				      options->wait_gdb, &run->gdb, error);
	if (r == 0 && options->control)
		r = open_control(run, error);
	if (r == 0)
		r = start_trace(run, error);
	if (r == 0)
		r = start_machine(run, error);
	if (r < 0)
		return r;
	tell_addresses(run);
	log_debug("the machine is built: %s", run->board->boot.description);
	if (!options->wait_gdb)
		vm_resume_all(run->board->vm);
	return 0;
}

static void tear_down(struct run *run)
{
	struct vm *vm = run->board ? run->board->vm : NULL;

	if (vm) {
		vm_end(vm);
		vm_join(vm);
		trace_machine_end(vm, run->status, run->cause ? run->cause : "failure");
	}
	if (run->gdb) {
		const struct gdb_stop stop = { .kind = GDB_STOP_GUEST_EXITED,
					       .status = run->status };

		gdb_server_report_stop(run->gdb, &stop);
		gdb_server_destroy(run->gdb);
	}
	consoles_unplug(run->consoles);
	board_destroy(run->board);
	control_destroy(run->control);
	consoles_close(run->consoles);
	stop_trace(run);
	elf_symbols_close(run->symbols);
	rootfs_destroy(&run->rootfs);
	loop_remove(run->signals);
	loop_destroy(run->loop);
	if (run->signal_fd >= 0)
		(void)close(run->signal_fd);
}

int run_main(int argc, char **argv)
{
	struct run_options options;
	struct run run = { .options = &options, .rootfs = ROOTFS_NONE, .signal_fd = -EBADF };
	struct error error = { 0 };
	int r;

	options_parse_run(argc, argv, &options);
	if (options.verbose)
		log_init("glassbox", LOG_LEVEL_DEBUG);
	r = start(&run, &error);
	if (r == 0) {
		r = loop_run(run.loop);
		if (r < 0)
			(void)error_set_errno(&error, r, "the event loop failed");
		else if (!run.cause)
			r = error_set_errno(&error, -ENOMEM, "cannot handle the guest's stop");
	}
	if (r < 0)
		run.status = error.is_usage ? GLASSBOX_STATUS_USAGE : GLASSBOX_STATUS_FAILURE;
	tear_down(&run);
	/* After the console: its terminal is as it was, and the line is seen. */
	if (r < 0)
		log_error("%s", error.message);
	return run.status;
}
