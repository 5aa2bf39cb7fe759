/* SPDX-License-Identifier: MIT */
/* The doctor's command line, and how its checks are run.  See doctor.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vmm/doctor.h"
#include "vmm/doctor_check.h"
#include "vmm/usage.h"

#define MAX_CHECKS  64
#define MAX_EXPIRED 3 /* checks that KVM may hang in; the rest is skipped, to end in time */

struct options {
	const char *kvm_path;
	bool json;
};

static const struct argp_option option_table[] = {
	{ "json", 'j', NULL, 0, "Print a JSON object instead of text", 0 },
	{ "kvm", 'k', "PATH", 0, "KVM's device (default: /dev/kvm)", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'j': options->json = true; break;
	case 'k': options->kvm_path = arg; break;
	case ARGP_KEY_INIT: usage_keep_short(state); break;
	case ARGP_KEY_ARG: usage_error(state, "unexpected argument '%s'", arg);
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.doc = "Tell whether this host can run, debug and trace guests, and what mends it if not."
	       "\v"
	       "Guests of a few instructions are run on KVM, for a few seconds at most. For every "
	       "check there is one line: ok, warn, FAIL or skip, what was found, and what mends "
	       "it.\n"
	       "\n"
	       "The exit status is 0 if all is well, 1 if the doctor itself failed, 2 for a wrong "
	       "command line, or the sum of:\n"
	       "  16 (0x10)  Linux guests don't run here\n"
	       "  32 (0x20)  guests cannot be debugged\n"
	       "  64 (0x40)  guests cannot be traced",
};

void doctor_say(struct doctor_result *result, enum doctor_verdict verdict, const char *format, ...)
{
	va_list args;

	result->verdict = verdict;
	va_start(args, format);
	(void)vsnprintf(result->detail, sizeof(result->detail), format, args);
	va_end(args);
}

void doctor_mend(struct doctor_result *result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(result->mend, sizeof(result->mend), format, args);
	va_end(args);
}

void doctor_fail_exit(struct doctor_result *result, struct probe *probe, int run_result,
		      const char *what)
{
	char found[192];

	doctor_say(result, DOCTOR_FAIL, "%s: %s", what,
		   probe_describe(probe, run_result, found, sizeof(found)));
	doctor_mend(result, DOCTOR_MEND_HOST);
}

static void run_probe(const struct doctor_check *check, struct doctor_host *host,
		      struct doctor_result *result)
{
	_cleanup_probe_ struct probe *probe = NULL;
	struct error error;
	int r = probe_create(host->kvm_path, check->irqchip, &probe, &error);

	if (r < 0) {
		doctor_say(result, DOCTOR_FAIL, "%s", error.message);
		doctor_mend(result,
			    "end other programs that use virtualisation (lsof %s), look "
			    "into dmesg",
			    host->kvm_path);
		return;
	}
	check->probe(probe, result);
	if (probe->expired)
		host->nr_expired++;
}

static void run_check(const struct doctor_check *check, struct doctor_host *host,
		      struct doctor_result *result)
{
	if (check->needs_kvm && !host->kvm_usable)
		doctor_say(result, DOCTOR_SKIP, "needs a KVM that can be used");
	else if (check->probe && host->nr_expired >= MAX_EXPIRED)
		doctor_say(result, DOCTOR_SKIP, "KVM hung in %u checks before", host->nr_expired);
	else if (check->probe)
		run_probe(check, host, result);
	else
		check->look(host, result);
}

static int print_reports(const struct options *options, const struct doctor_report *reports,
			 unsigned nr)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	int r = 0;

	if (options->json)
		r = doctor_print_json(stdout, options->kvm_path, reports, nr);
	else
		doctor_print(stdout, reports, nr, colour);
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = -EIO;
	if (r < 0)
		log_error("cannot write the report: %s", strerror(-r));
	return r;
}

int doctor_main(int argc, char **argv)
{
	static const struct doctor_table *const tables[] = {
		&doctor_kvm_checks,
		&doctor_guest_checks,
		&doctor_debug_checks,
		&doctor_host_checks,
	};
	struct options options = { .kvm_path = "/dev/kvm" };
	_cleanup_free_ struct doctor_report *reports = calloc(MAX_CHECKS, sizeof(*reports));
	struct doctor_host host = { 0 };
	unsigned nr = 0, status;
	int r;

	if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
		return DOCTOR_STATUS_USAGE;
	if (!reports) {
		log_error("no memory");
		return DOCTOR_STATUS_FAILURE;
	}
	host.kvm_path = options.kvm_path;
	for (unsigned t = 0; t < ARRAY_SIZE(tables); t++) {
		for (unsigned i = 0; i < tables[t]->nr_checks && nr < MAX_CHECKS; i++, nr++) {
			reports[nr].check = &tables[t]->checks[i];
			run_check(reports[nr].check, &host, &reports[nr].result);
		}
	}
	status = doctor_status(reports, nr);
	r = print_reports(&options, reports, nr);
	for (unsigned i = 0; i < nr; i++)
		json_decref(reports[i].result.value);
	return r < 0 ? DOCTOR_STATUS_FAILURE : (int)status;
}
