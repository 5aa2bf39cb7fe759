/* SPDX-License-Identifier: MIT */
/*
 * What the tests of glassbox-trace share: they run it in a scratch directory below the working
 * directory, on synthetic traces.
 */
#ifndef GLASSBOX_TESTS_TRACE_REPORT_FIXTURE_H
#define GLASSBOX_TESTS_TRACE_REPORT_FIXTURE_H

#include "tests/trace/report_synthetic.h"
#include "tests/unit/cmocka_all.h"

#define SLIDE  0xffffffff70000000u
#define KERNEL "6.1.0-test"

/* One run of a program: exit status, and what it wrote. */
struct run {
	int status;
	char out[1 << 20];
	char err[1 << 16];
};

/* The last run(). */
extern struct run last;

/** make_dir(), remove_dir() - cmocka's set-up and tear-down of the group */
int make_dir(void **state);
int remove_dir(void **state);

/** read_file() - the text of the file @path; fails the test if there is none */
void read_file(const char *path, char *buf, size_t size);

/** run() - a shell command in the scratch directory, waited for */
void run(const char *format, ...) __printf(1, 2);

/** assert_failed() - the last run() ended with @status, and said so in one line with @words in it
 */
void assert_failed(int status, const char *words);

/** write_trace() - @trace with its path set to @name and its source to @items */
void write_trace(struct synthetic_trace trace, const char *name, const struct synthetic_item *items,
		 size_t count);

/* The other arguments describe the trace: .pid = 1 etc. */
#define WRITE(name, items, ...)                                                                    \
	write_trace((struct synthetic_trace){ __VA_ARGS__ }, name, items, ARRAY_SIZE(items))

/* Items: times are in ns, exits are writes to an I/O port by the instruction at SLIDE + port. */
struct synthetic_item start_item(int64_t time);
struct synthetic_item stop_item(int64_t time);
struct synthetic_item entry_item(int64_t time, uint32_t vcpu, uint64_t seq, const char *device);
struct synthetic_item exit_item(int64_t time, uint32_t vcpu, uint64_t seq, uint64_t port);
struct synthetic_item counters_item(int64_t time, uint32_t vcpu, uint64_t user, uint64_t kvm);

#endif
