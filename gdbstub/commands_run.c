/* SPDX-License-Identifier: MIT */
/* Packets that start the machine, choose threads and say goodbye. */
#include <errno.h>

#include "gdbstub/commands.h"
#include "gdbstub/run.h"

static int reply_stop(struct gdb_session *session)
{
	gdb_run_write_stop_reply(session, &session->reply);
	return 0;
}

/* ? */
int gdb_command_stop_reason(struct gdb_session *session, struct gdb_text *args)
{
	if (gdb_text_left(args) > 0)
		return -EINVAL;
	return reply_stop(session);
}

/* Lets the actions begin.  A VM that has ended can only say so again. */
static int resume(struct gdb_session *session)
{
	int r;

	if (session->state == GDB_RUN_EXITED)
		return reply_stop(session);
	r = gdb_run_resume(session);
	if (r < 0)
		return r;
	session->waiting = true;
	return GDB_NO_REPLY;
}

/* vCont? */
int gdb_command_vcont_query(struct gdb_session *session, struct gdb_text *args)
{
	(void)args;
	gdb_buffer_printf(&session->reply, "vCont;c;C;s;S;t;r");
	return 0;
}

/* One action of vCont.  Signals mean nothing to a processor: C and S are c and s. */
static bool take_action(struct gdb_text *args, struct gdb_action *ret_action)
{
	struct gdb_action action = { .kind = GDB_RESUME_NONE };
	uint64_t signal;

	if (gdb_text_take(args, 'c')) {
		action.kind = GDB_RESUME_CONTINUE;
	} else if (gdb_text_take(args, 's')) {
		action.kind = GDB_RESUME_STEP;
	} else if (gdb_text_take(args, 'C')) {
		action.kind = GDB_RESUME_CONTINUE;
		if (!gdb_text_take_hex(args, &signal))
			return false;
	} else if (gdb_text_take(args, 'S')) {
		action.kind = GDB_RESUME_STEP;
		if (!gdb_text_take_hex(args, &signal))
			return false;
	} else if (gdb_text_take(args, 'r')) {
		action.kind = GDB_RESUME_STEP;
		if (!gdb_text_take_hex(args, &action.range_start) || !gdb_text_take(args, ',') ||
		    !gdb_text_take_hex(args, &action.range_end))
			return false;
	} else if (!gdb_text_take(args, 't')) {
		return false;
	}
	*ret_action = action;
	return true;
}

/* ;ACTION[:THREAD]... - of several actions for a thread the leftmost counts */
static int take_actions(struct gdb_session *session, struct gdb_text *args)
{
	while (gdb_text_left(args) > 0) {
		struct gdb_action action;
		unsigned first = 0, last = session->nr_vcpus - 1;
		int thread = GDB_THREAD_ALL;

		if (!gdb_text_take(args, ';') || !take_action(args, &action))
			return -EINVAL;
		if (gdb_text_take(args, ':') && !gdb_text_take_thread(args, &thread))
			return -EINVAL;
		if (thread != GDB_THREAD_ALL && thread != GDB_THREAD_ANY) {
			int r = gdb_command_thread_to_vcpu(session, thread, &first);

			if (r < 0)
				return r;
			last = first;
		}
		for (unsigned i = first; i <= last; i++) {
			if (!session->vcpus[i].chosen)
				session->vcpus[i].action = action;
			session->vcpus[i].chosen = true;
		}
	}
	return 0;
}

/* vCont;ACTION[:THREAD]... */
int gdb_command_vcont(struct gdb_session *session, struct gdb_text *args)
{
	bool any = false;
	int r;

	if (gdb_text_left(args) == 0)
		return -EINVAL;
	gdb_run_set_all(session, GDB_RESUME_NONE);
	for (unsigned i = 0; i < session->nr_vcpus; i++)
		session->vcpus[i].chosen = false;
	r = take_actions(session, args);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < session->nr_vcpus; i++)
		any |= session->vcpus[i].action.kind != GDB_RESUME_NONE;
	/* Stopping what is stopped: it has stopped. */
	return any ? resume(session) : reply_stop(session);
}

static int set_pc(struct gdb_session *session, unsigned vcpu, uint64_t pc)
{
	struct gdb_target *target = session->target;
	struct x86_regs regs;
	int r = target->ops->read_regs(target, vcpu, &regs);

	if (r < 0)
		return r;
	regs.rip = pc;
	return target->ops->write_regs(target, vcpu, &regs);
}

/*
 * The old packets act on the thread that Hc chose.  A step is that thread's alone; without a
 * choice, continuing is for all.
 */
static int resume_chosen(struct gdb_session *session, struct gdb_text *args,
			 enum gdb_resume_kind kind)
{
	bool everybody = kind == GDB_RESUME_CONTINUE && session->resume_thread <= GDB_THREAD_ANY;
	bool has_pc = gdb_text_left(args) > 0;
	unsigned vcpu;
	uint64_t pc;
	int r;

	if (has_pc && (!gdb_text_take_hex(args, &pc) || gdb_text_left(args) > 0))
		return -EINVAL;
	if (session->state == GDB_RUN_EXITED)
		return reply_stop(session);
	r = gdb_command_thread_to_vcpu(session, session->resume_thread, &vcpu);
	if (r == 0 && has_pc)
		r = set_pc(session, vcpu, pc);
	if (r < 0)
		return r;
	gdb_run_set_all(session, everybody ? kind : GDB_RESUME_NONE);
	session->vcpus[vcpu].action.kind = kind;
	return resume(session);
}

/* SIGNAL[;ADDR] */
static int resume_signalled(struct gdb_session *session, struct gdb_text *args,
			    enum gdb_resume_kind kind)
{
	uint64_t signal;

	if (!gdb_text_take_hex(args, &signal))
		return -EINVAL;
	if (gdb_text_left(args) > 0 && (!gdb_text_take(args, ';') || gdb_text_left(args) == 0))
		return -EINVAL;
	return resume_chosen(session, args, kind);
}

/* c [ADDR] */
int gdb_command_continue(struct gdb_session *session, struct gdb_text *args)
{
	return resume_chosen(session, args, GDB_RESUME_CONTINUE);
}

/* C SIGNAL[;ADDR] */
int gdb_command_continue_signal(struct gdb_session *session, struct gdb_text *args)
{
	return resume_signalled(session, args, GDB_RESUME_CONTINUE);
}

/* s [ADDR] */
int gdb_command_step(struct gdb_session *session, struct gdb_text *args)
{
	return resume_chosen(session, args, GDB_RESUME_STEP);
}

/* S SIGNAL[;ADDR] */
int gdb_command_step_signal(struct gdb_session *session, struct gdb_text *args)
{
	return resume_signalled(session, args, GDB_RESUME_STEP);
}

/* H c|g THREAD */
int gdb_command_set_thread(struct gdb_session *session, struct gdb_text *args)
{
	bool resume_thread = gdb_text_take(args, 'c');
	unsigned vcpu;
	int thread, r;

	if ((!resume_thread && !gdb_text_take(args, 'g')) || !gdb_text_take_thread(args, &thread) ||
	    gdb_text_left(args) > 0)
		return -EINVAL;
	r = gdb_command_thread_to_vcpu(session, thread, &vcpu);
	if (r < 0)
		return r;
	if (resume_thread)
		session->resume_thread = thread;
	else
		session->general_vcpu = vcpu;
	return gdb_reply_ok(session);
}

/* T THREAD */
int gdb_command_thread_alive(struct gdb_session *session, struct gdb_text *args)
{
	unsigned vcpu;
	int thread, r;

	if (!gdb_text_take_thread(args, &thread) || gdb_text_left(args) > 0)
		return -EINVAL;
	r = gdb_command_thread_to_vcpu(session, thread, &vcpu);
	return r < 0 ? r : gdb_reply_ok(session);
}

/* D[;PID] */
int gdb_command_detach(struct gdb_session *session, struct gdb_text *args)
{
	(void)args;
	session->closing = true;
	return gdb_reply_ok(session);
}

static int kill_machine(struct gdb_session *session)
{
	int r;

	if (session->state == GDB_RUN_EXITED)
		return 0;
	r = session->target->ops->kill(session->target);
	if (r < 0)
		return r;
	/* It may have been running. */
	gdb_breakpoints_lift(&session->breakpoints, session->target);
	gdb_run_forget_breakpoints(session);
	session->state = GDB_RUN_EXITED;
	session->waiting = false;
	session->last_stop = (struct gdb_stop){ .kind = GDB_STOP_GUEST_EXITED };
	return 0;
}

/* k: no answer whatever happens */
int gdb_command_kill(struct gdb_session *session, struct gdb_text *args)
{
	if (gdb_text_left(args) > 0)
		return -EINVAL;
	(void)kill_machine(session);
	session->closing = true;
	return GDB_NO_REPLY;
}

/* vKill;PID */
int gdb_command_vkill(struct gdb_session *session, struct gdb_text *args)
{
	uint64_t process;
	int r;

	if (!gdb_text_take(args, ';') || !gdb_text_take_hex(args, &process) ||
	    gdb_text_left(args) > 0)
		return -EINVAL;
	r = kill_machine(session);
	return r < 0 ? r : gdb_reply_ok(session);
}
