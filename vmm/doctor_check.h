/* SPDX-License-Identifier: MIT */
/*
 * What a check of the doctor is.
 *
 * To add one: a function in the doctor_*.c of its kind, and a row in that file's table.
 */
#ifndef GLASSBOX_VMM_DOCTOR_CHECK_H
#define GLASSBOX_VMM_DOCTOR_CHECK_H

#include <jansson.h>
#include <limits.h>
#include <stdio.h>

#include "base/util.h"
#include "vmm/probe.h"

enum doctor_verdict {
	DOCTOR_OK,
	DOCTOR_WARN, /* works, but less well than it could */
	DOCTOR_FAIL,
	DOCTOR_SKIP, /* cannot be told, because an earlier check failed */
};

/* What a host can be good for; a check whose verdict is FAIL or skip takes it away. */
enum doctor_area {
	DOCTOR_AREA_NONE, /* for the user to know */
	DOCTOR_AREA_RUN,
	DOCTOR_AREA_DEBUG,
	DOCTOR_AREA_TRACE,
};

struct doctor_result {
	enum doctor_verdict verdict;
	char detail[320]; /* what was found, one line */
	char mend[320];   /* the command or setting that mends it; "" if none is needed or known */
	json_t *value;    /* what was measured, an object; owned, may be NULL */
};

/* What the checks know of the host. */
struct doctor_host {
	const char *kvm_path;
	bool kvm_usable;     /* a virtual machine could be asked for; set by the device's checks */
	unsigned nr_expired; /* checks in which KVM used up the time */
};

struct doctor_check {
	const char *id; /* in --json; stable */
	const char *title;
	enum doctor_area area;
	bool needs_kvm; /* skipped unless kvm_usable */

	/* A guest's check: gets a machine, with interrupt controllers if it wants some. */
	bool irqchip;
	void (*probe)(struct probe *probe, struct doctor_result *ret_result);

	/* Any other check. */
	void (*look)(struct doctor_host *host, struct doctor_result *ret_result);
};

struct doctor_table {
	const struct doctor_check *checks;
	unsigned nr_checks;
};

extern const struct doctor_table doctor_kvm_checks;   /* the device and its kernel module */
extern const struct doctor_table doctor_guest_checks; /* guests run, and how */
extern const struct doctor_table doctor_debug_checks; /* guests can be debugged */
extern const struct doctor_table doctor_host_checks;  /* tracing, networking */

/* What all doctors recommend where KVM is not up to it. */
#define DOCTOR_MEND_HOST                                                                           \
	"use a machine with VT-x or AMD-V of its own, or Glassbox's lab: tools/lab/lab run -- "    \
	"COMMAND"

/* Set one part of a result; the text is cut at the end of its field. */
void doctor_say(struct doctor_result *result, enum doctor_verdict verdict, const char *format, ...)
	__printf(3, 4);
void doctor_mend(struct doctor_result *result, const char *format, ...) __printf(2, 3);

/** doctor_fail_exit() - FAIL: @what expected another exit than the one KVM gave
 * @run_result: of probe_run() */
void doctor_fail_exit(struct doctor_result *result, struct probe *probe, int run_result,
		      const char *what);

/* doctor_report.c */

struct doctor_report {
	const struct doctor_check *check;
	struct doctor_result result;
};

/** doctor_status() - the exit status that @nr reports add up to */
unsigned doctor_status(const struct doctor_report *reports, unsigned nr);

/** doctor_print() - one line for each check, and its mend, for people */
void doctor_print(FILE *out, const struct doctor_report *reports, unsigned nr, bool colour);

/**
 * doctor_print_json() - the same as one JSON object, for programs
 *
 * Return: 0; -EILSEQ if a path is not UTF-8 (or without memory); -EIO.
 */
int doctor_print_json(FILE *out, const char *kvm_path, const struct doctor_report *reports,
		      unsigned nr) __must_check;

#endif
