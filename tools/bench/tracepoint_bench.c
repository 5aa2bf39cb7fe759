/* SPDX-License-Identifier: MIT */
/*
 * tracepoint-bench: what an event costs the thread that leaves it, in nanoseconds of CPU time.
 *
 *	disabled, no provider      trace_exit() in a program without a trace
 *	disabled, provider loaded  the same once LTTng is in the process, without a session
 *	exit + entry, recorded     the two events of one exit, while a session records them
 *
 * Each number is the median of several runs (the least and the greatest beside it), the loop
 * included.  Recording runs in a child of its own, which is not traced before.
 */
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/size.h"
#include "trace/loader.h"
#include "trace/session.h"
#include "trace/trace.h"

#define RUNS_MAX       99
#define DISABLED_CALLS 100000000
#define RECORDED_PAIRS 200000
/* Time for the consumer to empty the buffers, so that a run does not pay for the one before it. */
#define PAUSE_US       200000

struct result {
	double ns[RUNS_MAX]; /* sorted */
	unsigned runs;
	bool valid; /* false: could not be measured, the reason was logged */
	uint64_t lost;
};

/* Of this thread's own CPU time: others on the machine make it wait, but not work. */
static double now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static double disabled_run(void)
{
	double start = now_ns();

	for (uint32_t i = 0; i < DISABLED_CALLS; i++)
		trace_exit(0, i, KVM_EXIT_IO, i, TRACE_SPACE_PIO, 0x3f8, 1, 1, i);
	return (now_ns() - start) / DISABLED_CALLS;
}

static double recorded_run(void)
{
	double start = now_ns();

	for (uint32_t i = 0; i < RECORDED_PAIRS; i++) {
		trace_exit(0, i, KVM_EXIT_IO, i, TRACE_SPACE_PIO, 0x3f8, 1, 1, i);
		trace_entry(0, i, "uart0", 0);
	}
	return (now_ns() - start) / RECORDED_PAIRS;
}

static void measure(struct result *result, unsigned runs, double (*run)(void), unsigned pause_us)
{
	(void)run(); /* warm caches, branch predictor, the pages of the buffers */
	for (unsigned i = 0; i < runs; i++) {
		if (pause_us)
			(void)usleep(pause_us);
		result->ns[i] = run();
	}
	qsort(result->ns, runs, sizeof(result->ns[0]), compare);
	result->runs = runs;
	result->valid = true;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* The child: records to a directory that is thrown away. */
static void record(struct result *result, unsigned runs)
{
	const char *parent = getenv("TMPDIR");
	struct trace_session *session;
	struct trace_lost lost;
	struct error error;
	char dir[4096];

	(void)snprintf(dir, sizeof(dir), "%s/tracepoint-bench.XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(dir)) {
		log_error("cannot create '%s': %s", dir, strerror(errno));
		return;
	}
	if (trace_session_start(dir, 0, &session, &error) < 0) {
		log_error("%s", error.message);
		(void)rmdir(dir);
		return;
	}
	if (trace_load(TRACE_LOAD_RECORDING, &error) < 0)
		log_error("%s", error.message);
	else
		measure(result, runs, recorded_run, PAUSE_US);
	if (trace_session_stop(session, &lost, &error) < 0) {
		log_error("%s", error.message);
		result->valid = false;
	}
	result->lost = lost.events;
	(void)nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int record_in_child(struct result *result, unsigned runs)
{
	int pair[2];
	ssize_t len;
	pid_t pid;

	if (pipe(pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		record(result, runs);
		/* Less than PIPE_BUF, so all of it or nothing. */
		_Static_assert(sizeof(*result) <= 4096, "a result fits a pipe's atomic write");
		_exit(write(pair[1], result, sizeof(*result)) < 0);
	}
	(void)close(pair[1]);
	len = read(pair[0], result, sizeof(*result));
	(void)close(pair[0]);
	(void)waitpid(pid, NULL, 0);
	return len == (ssize_t)sizeof(*result) ? 0 : -EPIPE;
}

static void print_text(const char *label, const struct result *result)
{
	if (!result->valid) {
		(void)printf("%-28s not measured\n", label);
		return;
	}
	(void)printf("%-28s %8.2f ns  (%.2f to %.2f, %u runs)", label, result->ns[result->runs / 2],
		     result->ns[0], result->ns[result->runs - 1], result->runs);
	if (result->lost)
		(void)printf("  %llu events lost: too low", (unsigned long long)result->lost);
	(void)printf("\n");
}

static void print_json(const char *key, const struct result *result, const char *end)
{
	if (!result->valid)
		(void)printf("  \"%s\": null%s\n", key, end);
	else
		(void)printf("  \"%s\": { \"median_ns\": %.3f, \"min_ns\": %.3f, \"max_ns\": %.3f, "
			     "\"runs\": %u, \"lost_events\": %llu }%s\n",
			     key, result->ns[result->runs / 2], result->ns[0],
			     result->ns[result->runs - 1], result->runs,
			     (unsigned long long)result->lost, end);
}

static int parse(int argc, char **argv, bool *ret_json, uint64_t *ret_runs)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "runs", required_argument, NULL, 'r' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int c;

	*ret_json = false;
	*ret_runs = 9;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'j') {
			*ret_json = true;
		} else if (c != 'r' || number_parse(optarg, 1, RUNS_MAX, ret_runs) < 0) {
			(void)fprintf(c == 'h' ? stdout : stderr,
				      "usage: tracepoint-bench [--json] [--runs 1..%d]\n",
				      RUNS_MAX);
			return c == 'h' ? 0 : 2;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct result bare = { 0 }, loaded = { 0 }, recorded = { 0 };
	struct error error;
	uint64_t runs;
	bool json;
	int r;

	log_init("tracepoint-bench", LOG_LEVEL_INFO);
	r = parse(argc, argv, &json, &runs);
	if (r >= 0)
		return r;
	measure(&bare, (unsigned)runs, disabled_run, 0);
	if (record_in_child(&recorded, (unsigned)runs) < 0)
		recorded.valid = false;
	if (trace_load(TRACE_LOAD_PROVIDER, &error) < 0)
		log_error("%s", error.message);
	else if (trace_exit_enabled())
		log_error("a session records glassbox:exit: stop it to measure a disabled event");
	else
		measure(&loaded, (unsigned)runs, disabled_run, 0);
	if (json) {
		(void)printf("{\n");
		print_json("disabled_without_provider", &bare, ",");
		print_json("disabled_with_provider", &loaded, ",");
		print_json("exit_and_entry_recorded", &recorded, "");
		(void)printf("}\n");
	} else {
		print_text("disabled, no provider", &bare);
		print_text("disabled, provider loaded", &loaded);
		print_text("exit + entry, recorded", &recorded);
	}
	return recorded.valid && loaded.valid && !recorded.lost ? 0 : 1;
}
