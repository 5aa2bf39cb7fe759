/* SPDX-License-Identifier: MIT */
/* A scratch directory, programs that run in it, and traces made of lists. */
#include <ftw.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/trace/report_fixture.h"

static char dir[] = "report_trace.XXXXXX";

struct run last;

void read_file(const char *path, char *buf, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t length;

	assert_non_null(file);
	length = fread(buf, 1, size - 1, file);
	buf[length] = '\0';
	(void)fclose(file);
}

void run(const char *format, ...)
{
	char command[2048], whole[4096];
	va_list args;
	int status;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	(void)snprintf(whole, sizeof(whole), "cd %s && { %s; } >out 2>err", dir, command);
	status = system(whole);
	assert_true(WIFEXITED(status));
	last.status = WEXITSTATUS(status);
	(void)snprintf(whole, sizeof(whole), "%s/out", dir);
	read_file(whole, last.out, sizeof(last.out));
	(void)snprintf(whole, sizeof(whole), "%s/err", dir);
	read_file(whole, last.err, sizeof(last.err));
}

void assert_failed(int status, const char *words)
{
	if (last.status != status || !strstr(last.err, words))
		fail_msg("status %d, not %d with '%s': %s", last.status, status, words, last.err);
	if (status == 1)
		assert_ptr_equal(strchr(last.err, '\n'), last.err + strlen(last.err) - 1);
}

/* A list of items as a source. */
struct list {
	const struct synthetic_item *items;
	size_t count, at;
};

static bool list_next(void *context, struct synthetic_item *ret_item)
{
	struct list *list = context;

	if (list->at == list->count)
		return false;
	*ret_item = list->items[list->at++];
	return true;
}

void write_trace(struct synthetic_trace trace, const char *name, const struct synthetic_item *items,
		 size_t count)
{
	struct list list = { .items = items, .count = count };
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	trace.path = path;
	trace.next = list_next;
	trace.context = &list;
	assert_int_equal(synthetic_write(&trace), 0);
}

struct synthetic_item entry_item(int64_t time, uint32_t vcpu, uint64_t seq, const char *device)
{
	return (struct synthetic_item){
		.record = { .event = TRACE_EVENT_entry,
			    .time = time,
			    .entry = { .vcpu = vcpu, .seq = seq, .device = device } }
	};
}

struct synthetic_item exit_item(int64_t time, uint32_t vcpu, uint64_t seq, uint64_t port)
{
	return (struct synthetic_item){ .record = { .event = TRACE_EVENT_exit,
						    .time = time,
						    .exit = { .vcpu = vcpu,
							      .seq = seq,
							      .reason = KVM_EXIT_IO,
							      .rip = SLIDE + port,
							      .space = TRACE_SPACE_PIO,
							      .addr = port,
							      .len = 1,
							      .is_write = 1 } } };
}

struct synthetic_item start_item(int64_t time)
{
	return (struct synthetic_item){ .record = { .event = TRACE_EVENT_vm_start,
						    .time = time,
						    .vm_start = { .version = "0.1.0",
								  .vcpus = 2,
								  .memory = MIB(256),
								  .kernel = KERNEL,
								  .text_slide = SLIDE } } };
}

struct synthetic_item stop_item(int64_t time)
{
	return (struct synthetic_item){ .record = { .event = TRACE_EVENT_vm_stop,
						    .time = time,
						    .vm_stop = { .cause = "power-off" } } };
}

struct synthetic_item counters_item(int64_t time, uint32_t vcpu, uint64_t user, uint64_t kvm)
{
	return (struct synthetic_item){ .record = { .event = TRACE_EVENT_vcpu_counters,
						    .time = time,
						    .vcpu_counters = { .vcpu = vcpu,
								       .user_exits = user,
								       .kvm_exits = kvm } } };
}

int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
	(void)info;
	(void)type;
	(void)where;
	return remove(path);
}

int remove_dir(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
