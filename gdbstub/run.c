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

/* Shares the debug registers out: what gdb asks of them comes first, breakpoints get the rest. */
static void lay_out(struct gdb_session *session, struct gdb_debug_setup *ret_setup)
{
	struct gdb_debug_setup setup = { 0 };

	for (unsigned i = 0; i < GDB_HW_SLOTS; i++)
		setup.hw[i] = session->hw.slots[i];
	gdb_breakpoints_borrow(&session->breakpoints, session->only_int3 ? NULL : setup.hw);
	setup.sw_breakpoints = gdb_breakpoints_need_int3(&session->breakpoints);
	*ret_setup = setup;
}

/* Tells the target what to arm, if that is something new. */
static int arm(struct gdb_session *session, const struct gdb_debug_setup *setup)
{
	int r;

	if (same_setup(setup, &session->armed))
		return 0;
	r = session->target->ops->set_debug(session->target, setup);
	if (r == 0)
		session->armed = *setup;
	return r;
}

static bool is_borrowed(const struct gdb_session *session, unsigned slot)
{
	return slot < GDB_HW_SLOTS && !session->hw.slots[slot].used;
}

/* Takes the slot that a breakpoint at @pc has borrowed out of @setup.  Return: true if there was
 * one. */
static bool disarm_borrowed(const struct gdb_session *session, struct gdb_debug_setup *setup,
			    uint64_t pc)
{
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		if (setup->hw[i].used && is_borrowed(session, i) && setup->hw[i].addr == pc) {
			setup->hw[i].used = false;
			return true;
		}
	}
	return false;
}

/* What a vCPU has to pass before everybody runs. */
struct passing {
	bool alone;   /* it is a breakpoint: nobody else runs meanwhile */
	uint64_t gpa; /* of its int3, or GDB_NO_GPA */
};

/*
 * Prepares @vcpu for leaving a place that gdb knows of.  At a hardware breakpoint RFLAGS.RF does
 * it (SDM vol. 3B, 18.3.1.1).  A breakpoint has to be away meanwhile, also one that has borrowed a
 * slot: where KVM emulates an instruction it does not heed RF, and the vCPU would stop there for
 * ever.
 */
static int prepare_to_leave(struct gdb_session *session, unsigned vcpu,
			    struct gdb_debug_setup *setup, struct passing *passing)
{
	struct gdb_target *target = session->target;
	struct x86_regs regs;
	uint64_t pc, gpa, left;
	int r;

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
	passing->alone = disarm_borrowed(session, setup, pc);
	if (setup->sw_breakpoints && gdb_memory_translate(target, &regs, pc, &gpa, &left) == 0 &&
	    gdb_breakpoints_has_int3(&session->breakpoints, gpa)) {
		passing->alone = true;
		passing->gpa = gpa;
	}
	return 0;
}

/*
 * Decides who runs now: everybody as gdb wants, or one vCPU alone, off a breakpoint.  That is then
 * not in @setup; *ret_lifted_gpa says where its int3 must not be.
 */
static int plan(struct gdb_session *session, struct gdb_debug_setup *setup,
		uint64_t *ret_lifted_gpa)
{
	*ret_lifted_gpa = GDB_NO_GPA;
	for (unsigned i = 0; i < session->nr_vcpus; i++) {
		struct passing passing = { .gpa = GDB_NO_GPA };
		int r;

		session->kinds[i] = session->vcpus[i].action.kind;
		if (session->kinds[i] == GDB_RESUME_NONE)
			continue;
		r = prepare_to_leave(session, i, setup, &passing);
		if (r < 0)
			return r;
		if (!passing.alone)
			continue;
		*ret_lifted_gpa = passing.gpa;
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
	struct gdb_debug_setup setup;
	uint64_t lifted;
	int r;

	lay_out(session, &setup);
	r = plan(session, &setup, &lifted);
	if (r == 0)
		r = gdb_breakpoints_insert(&session->breakpoints, target, lifted);
	if (r == 0)
		r = arm(session, &setup);
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
	/* gdb is told of what it has set. */
	if (seen.kind == GDB_STOP_HWBREAK && is_borrowed(session, seen.slot))
		seen.kind = GDB_STOP_SWBREAK;
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
