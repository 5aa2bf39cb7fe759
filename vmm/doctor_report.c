/* SPDX-License-Identifier: MIT */
/* What the doctor found, as text, as JSON and as an exit status. */
#include <errno.h>

#include "vmm/doctor.h"
#include "vmm/doctor_check.h"

#define TITLE_WIDTH 24

static const struct {
	const char *text; /* for people */
	const char *json;
	const char *colour; /* ECMA-48 SGR parameters */
} verdicts[] = {
	[DOCTOR_OK] = { "ok", "ok", "32" },
	[DOCTOR_WARN] = { "warn", "warn", "33" },
	[DOCTOR_FAIL] = { "FAIL", "fail", "1;31" },
	[DOCTOR_SKIP] = { "skip", "skip", "2" },
};

static const struct {
	const char *json;
	unsigned status;
	const char *yes, *no;
} areas[] = {
	[DOCTOR_AREA_RUN] = { "run", DOCTOR_STATUS_NO_RUN, "Linux guests run here.",
			      "Linux guests do NOT run here." },
	[DOCTOR_AREA_DEBUG] = { "debug", DOCTOR_STATUS_NO_DEBUG, "Guests can be debugged.",
				"Guests can NOT be debugged." },
	[DOCTOR_AREA_TRACE] = { "trace", DOCTOR_STATUS_NO_TRACE, "Guests can be traced.",
				"Guests can NOT be traced." },
};

unsigned doctor_status(const struct doctor_report *reports, unsigned nr)
{
	unsigned status = 0;

	for (unsigned i = 0; i < nr; i++)
		if (reports[i].result.verdict == DOCTOR_FAIL ||
		    reports[i].result.verdict == DOCTOR_SKIP)
			status |= areas[reports[i].check->area].status;
	return status;
}

static void print_verdict(FILE *out, enum doctor_verdict verdict, bool colour)
{
	if (colour)
		(void)fprintf(out, "\033[%sm%-4s\033[0m", verdicts[verdict].colour,
			      verdicts[verdict].text);
	else
		(void)fprintf(out, "%-4s", verdicts[verdict].text);
}

void doctor_print(FILE *out, const struct doctor_report *reports, unsigned nr, bool colour)
{
	unsigned status = doctor_status(reports, nr);

	for (unsigned i = 0; i < nr; i++) {
		const struct doctor_result *result = &reports[i].result;

		print_verdict(out, result->verdict, colour);
		(void)fprintf(out, "  %-*s  %s\n", TITLE_WIDTH, reports[i].check->title,
			      result->detail);
		if (result->mend[0])
			(void)fprintf(out, "        to mend it: %s\n", result->mend);
	}
	(void)fprintf(out, "\n");
	for (unsigned a = DOCTOR_AREA_RUN; a < ARRAY_SIZE(areas); a++)
		(void)fprintf(out, "%s\n", status & areas[a].status ? areas[a].no : areas[a].yes);
}

static json_t *check_to_json(const struct doctor_report *report)
{
	const struct doctor_result *result = &report->result;

	/* s? is null for NULL, O? does not take our reference. */
	return json_pack("{ss ss ss ss? ss ss? sO?}", "id", report->check->id, "title",
			 report->check->title, "verdict", verdicts[result->verdict].json,
			 "needed_for", areas[report->check->area].json, "detail", result->detail,
			 "mend", result->mend[0] ? result->mend : NULL, "value", result->value);
}

static json_t *reports_to_json(const char *kvm_path, const struct doctor_report *reports,
			       unsigned nr)
{
	unsigned status = doctor_status(reports, nr);
	json_t *checks = json_array(), *summary = json_object();

	for (unsigned i = 0; i < nr; i++)
		if (json_array_append_new(checks, check_to_json(&reports[i])) < 0)
			goto fail;
	for (unsigned a = DOCTOR_AREA_RUN; a < ARRAY_SIZE(areas); a++)
		if (json_object_set_new(summary, areas[a].json,
					json_boolean(!(status & areas[a].status))) < 0)
			goto fail;
	/* Steals both, on failure too. */
	return json_pack("{si ss so so si}", "version", 1, "kvm", kvm_path, "checks", checks,
			 "summary", summary, "status", (int)status);
fail:
	json_decref(checks);
	json_decref(summary);
	return NULL;
}

int doctor_print_json(FILE *out, const char *kvm_path, const struct doctor_report *reports,
		      unsigned nr)
{
	json_t *report = reports_to_json(kvm_path, reports, nr);
	int r;

	if (!report)
		return -EILSEQ;
	r = json_dumpf(report, out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF ? -EIO : 0;
	json_decref(report);
	return r;
}
