/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "gdbstub/memory.h"
#include "gdbstub/run.h"
#include "gdbstub/x86.h"

static bool same_setup(const struct gdb_debug_setup *a, const struct gdb_debug_setup *b)
{
	if (a->sw_breakpoints != b->sw_breakpoints)
		return false;
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		const struct gdb_hw_slot *x = &a->hw[i], *y = &b->hw[i];

		if (x->used != y->used)
			return false;
		if (x->used && (x->type != y->type || x->addr != y->addr || x->len != y->len))
			return false;
	}
	return true;
}

/* Tells the target what to arm, if that is something new. */
static int arm(struct gdb_session *session)
{
	struct gdb_debug_setup setup = { .sw_breakpoints = session->breakpoints.count > 0 };
	int r;

	for (unsigned i = 0; i < GDB_HW_SLOTS; i++)
		setup.hw[i] = session->hw.slots[i];
	if (same_setup(&setup, &session->armed))
		return 0;
	r = session->target->ops->set_debug(session->target, &setup);
	if (r == 0)
		session->armed = setup;
	return r;
}

/*
 * Prepares @vcpu for leaving a place that gdb knows of.  At a hardware breakpoint RFLAGS.RF does
 * it (SDM vol. 3B, 18.3.1.1); a software breakpoint has to be lifted, and *ret_gpa says where.
 */
static int prepare_to_leave(struct gdb_session *session, unsigned vcpu, uint64_t *ret_gpa)
{
	struct gdb_target *target = session->target;
	struct x86_regs regs;
	uint64_t pc, gpa, left;
	int r;

	*ret_gpa = GDB_NO_GPA;
	if (!session->vcpus[vcpu].reported)
		return 0;
	r = target->ops->read_regs(target, vcpu, &regs);
	if (r < 0)
		return r;
	pc = x86_linear_pc(&regs);
	if (pc != session->vcpus[vcpu].reported_pc)
		return 0;
	if (gdb_hw_points_executes_at(&session->hw, pc)) {
		regs.rflags |= X86_RFLAGS_RF;
		r = target->ops->write_regs(target, vcpu, &regs);
		if (r < 0)
			return r;
	}
	if (session->breakpoints.count > 0 &&
	    gdb_memory_translate(target, &regs, pc, &gpa, &left) == 0 &&
	    gdb_breakpoints_has(&session->breakpoints, gpa))
		*ret_gpa = gpa;
	return 0;
}

/* Decides who runs now: everybody as gdb wants, or one vCPU alone, off the breakpoint at *ret_gpa.
 */
static int plan(struct gdb_session *session, uint64_t *ret_gpa)
{
	*ret_gpa = GDB_NO_GPA;
	for (unsigned i = 0; i < session->nr_vcpus; i++) {
		int r;

		session->kinds[i] = session->vcpus[i].action.kind;
		if (session->kinds[i] == GDB_RESUME_NONE)
			continue;
		r = prepare_to_leave(session, i, ret_gpa);
		if (r < 0)
			return r;
		if (*ret_gpa == GDB_NO_GPA)
			continue;
		for (unsigned j = 0; j < session->nr_vcpus; j++)
			session->kinds[j] = GDB_RESUME_NONE;
		session->kinds[i] = GDB_RESUME_STEP;
		return 0;
	}
	return 0;
}

int gdb_run_resume(struct gdb_session *session)
{
	struct gdb_target *target = session->target;
	uint64_t lifted;
	int r = plan(session, &lifted);

	if (r == 0)
		r = gdb_breakpoints_insert(&session->breakpoints, target, lifted);
	if (r == 0)
		r = arm(session);
	if (r < 0)
		goto fail;
	session->state = GDB_RUN_RUNNING;
	r = target->ops->resume(target, session->kinds);
	if (r < 0)
		goto fail;
	for (unsigned i = 0; i < session->nr_vcpus; i++) {
		if (session->kinds[i] != GDB_RESUME_NONE)
			session->vcpus[i].reported = false;
	}
	return 0;
fail:
	gdb_breakpoints_lift(&session->breakpoints, target);
	session->state = GDB_RUN_STOPPED;
	return r;
}

int gdb_run_interrupt(struct gdb_session *session)
{
	int r;

	if (session->state != GDB_RUN_RUNNING)
		return 0;
	r = session->target->ops->interrupt(session->target);
	if (r == 0)
		session->interrupting = true;
	return r;
}

void gdb_run_set_all(struct gdb_session *session, enum gdb_resume_kind kind)
{
	for (unsigned i = 0; i < session->nr_vcpus; i++)
		session->vcpus[i].action = (struct gdb_action){ .kind = kind };
}

void gdb_run_forget_breakpoints(struct gdb_session *session)
{
	gdb_breakpoints_clear(&session->breakpoints);
	session->hw = (struct gdb_hw_points){ 0 };
	session->leftovers = false;
}

void gdb_run_release(struct gdb_session *session)
{
	gdb_run_forget_breakpoints(session);
	gdb_run_set_all(session, GDB_RESUME_CONTINUE);
	/* If it fails the machine stays stopped, and the next client finds it so. */
	(void)gdb_run_resume(session);
}

/*
 * True if this stop is only a step of a longer way that gdb has asked for: off a breakpoint before
 * continuing, or inside a range.  So is the end of a step that another vCPU's stop overtook, when
 * gdb, which has seen all registers at that stop, has let the vCPU go on since.
 */
static bool is_on_the_way(struct gdb_session *session, const struct gdb_stop *stop)
{
	const struct gdb_action *action = &session->vcpus[stop->vcpu].action;
	struct x86_regs regs;

	if (stop->kind != GDB_STOP_STEP || session->leftovers)
		return false;
	if (action->kind != GDB_RESUME_STEP)
		return true;
	if (action->range_start == action->range_end)
		return false;
	return session->target->ops->read_regs(session->target, stop->vcpu, &regs) == 0 &&
	       regs.rip >= action->range_start && regs.rip < action->range_end;
}

void gdb_run_mark_reported(struct gdb_session *session)
{
	unsigned vcpu = session->last_stop.vcpu;
	struct x86_regs regs;

	session->general_vcpu = vcpu;
	if (session->state != GDB_RUN_STOPPED ||
	    session->target->ops->read_regs(session->target, vcpu, &regs) < 0)
		return;
	session->vcpus[vcpu].reported = true;
	session->vcpus[vcpu].reported_pc = x86_linear_pc(&regs);
}

/* The last client is gone, and so is what it had set: only what ended the machine still counts. */
static void clean_up(struct gdb_session *session, struct gdb_stop *stop)
{
	gdb_run_forget_breakpoints(session);
	if (stop->kind != GDB_STOP_DIED && stop->kind != GDB_STOP_GUEST_EXITED)
		stop->kind = GDB_STOP_INTERRUPT;
}

static void reply_stop(struct gdb_session *session)
{
	session->waiting = false;
	gdb_buffer_clear(&session->reply);
	gdb_run_write_stop_reply(session, &session->reply);
	gdb_session_send_reply(session);
}

void gdb_session_report_stop(struct gdb_session *session, const struct gdb_stop *stop)
{
	struct gdb_stop seen = *stop;

	if (session->state == GDB_RUN_EXITED)
		return;
	if (seen.vcpu >= session->nr_vcpus)
		seen.vcpu = 0;
	if (is_on_the_way(session, &seen)) {
		if (!session->interrupting && gdb_run_resume(session) == 0)
			return;
		seen.kind = GDB_STOP_INTERRUPT;
	}
	gdb_breakpoints_lift(&session->breakpoints, session->target);
	session->interrupting = false;
	session->state = seen.kind == GDB_STOP_GUEST_EXITED ? GDB_RUN_EXITED : GDB_RUN_STOPPED;
	if (session->leftovers)
		clean_up(session, &seen);
	session->last_stop = seen;
	session->stop_was_asked = session->waiting;
	if (session->attached)
		gdb_run_mark_reported(session);
	if (session->waiting)
		reply_stop(session);
	else if (!session->attached && seen.kind == GDB_STOP_INTERRUPT)
		gdb_run_release(session);
}

bool gdb_session_owns_breakpoint(struct gdb_session *session, unsigned vcpu, uint64_t gva)
{
	struct x86_regs regs;
	uint64_t gpa, left;

	return vcpu < session->nr_vcpus && session->breakpoints.count > 0 &&
	       session->target->ops->read_regs(session->target, vcpu, &regs) == 0 &&
	       gdb_memory_translate(session->target, &regs, gva, &gpa, &left) == 0 &&
	       gdb_breakpoints_is_inserted(&session->breakpoints, gpa);
}

int gdb_session_machine_reset(struct gdb_session *session)
{
	bool interrupting = session->interrupting;
	int r;

	/* Nothing of ours is in the new memory or in the new processors. */
	gdb_breakpoints_lift(&session->breakpoints, session->target);
	session->armed = (struct gdb_debug_setup){ 0 };
	session->interrupting = false;
	if (session->leftovers)
		gdb_run_forget_breakpoints(session);
	for (unsigned i = 0; i < session->nr_vcpus; i++)
		session->vcpus[i].reported = false;
	gdb_run_set_all(session, GDB_RESUME_CONTINUE);
	r = gdb_run_resume(session);
	/* Who waited for the old machine to stop now waits for the new one. */
	if (r == 0 && interrupting)
		r = gdb_run_interrupt(session);
	return r;
}
