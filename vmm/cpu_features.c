/* SPDX-License-Identifier: MIT */
/* The parser of `--cpu`, and look-ups in the feature table. */
#include <errno.h>
#include <string.h>

#include "vmm/cpu_features.h"

/* Longer than every name in the table; a test holds the table to it. */
#define NAME_MAX_LEN 40

/* Linux writes sse4_1 and QEMU sse4.1, and both mean it. */
static char fold(char c)
{
	if (c == '-' || c == '.')
		return '_';
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *a, const char *b)
{
	while (*a && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return fold(*a) == fold(*b);
}

int cpu_feature_find(const char *name, size_t *ret_index)
{
	for (size_t i = 0; i < cpu_features_nr; i++) {
		const struct cpu_feature *feature = &cpu_features[i];

		if (same_name(name, feature->name) ||
		    (feature->alias && same_name(name, feature->alias))) {
			*ret_index = i;
			return 0;
		}
	}
	return -ENOENT;
}

/* Levenshtein distance over folded names; both shorter than NAME_MAX_LEN. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_LEN + 1], len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < len; j++) {
			size_t replaced = diagonal + (fold(a[i]) != fold(b[j]));

			diagonal = row[j + 1];
			row[j + 1] = MIN(replaced, MIN(row[j], diagonal) + 1);
		}
	}
	return row[len];
}

const char *cpu_feature_nearest(const char *name)
{
	size_t len = strlen(name), best = MAX(len / 3, 1u);
	const char *nearest = NULL;

	if (len == 0 || len >= NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < cpu_features_nr; i++) {
		const char *const names[] = { cpu_features[i].name, cpu_features[i].alias };

		for (unsigned k = 0; k < ARRAY_SIZE(names); k++) {
			size_t d = names[k] ? distance(name, names[k]) : SIZE_MAX;

			if (d < best || (d == best && !nearest)) {
				best = d;
				nearest = names[k];
			}
		}
	}
	return nearest;
}

static void set_bit(uint64_t *words, size_t bit)
{
	words[bit / 64] |= 1ull << (bit % 64);
}

/* Takes away what builds on what is taken away, until nothing more falls. */
static void close_removed(struct cpu_model *model)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < cpu_feature_dependencies_nr; i++) {
			const struct cpu_feature_dependency *dependency =
				&cpu_feature_dependencies[i];
			size_t name, needs;

			if (cpu_feature_find(dependency->name, &name) < 0 ||
			    cpu_feature_find(dependency->needs, &needs) < 0)
				continue;
			if (cpu_model_removes(model, needs) && !cpu_model_removes(model, name)) {
				set_bit(model->removed, name);
				again = true;
			}
		}
	}
}

static int refuse_contradictions(const struct cpu_model *asked, const struct cpu_model *closed,
				 struct error *error)
{
	for (size_t i = 0; i < cpu_features_nr; i++) {
		const char *name = cpu_features[i].name;

		if (!cpu_model_requires(closed, i) || !cpu_model_removes(closed, i))
			continue;
		if (cpu_model_removes(asked, i))
			return error_set_usage(error, "--cpu: '%s' is both required and taken away",
					       name);
		return error_set_usage(
			error,
			"--cpu: '%s' is required, but builds on a feature that is taken away",
			name);
	}
	return 0;
}

static int parse_feature(const char *item, size_t len, struct cpu_model *model, struct error *error)
{
	char name[NAME_MAX_LEN];
	const char *nearest;
	char *value;
	bool remove;
	size_t index;

	if (len == 0)
		return error_set_usage(error, "--cpu: a feature is missing between two commas");
	if (len >= sizeof(name))
		return error_set_usage(error, "--cpu: unknown feature '%.*s...' (see --cpu help)",
				       NAME_MAX_LEN, item);
	memcpy(name, item, len);
	name[len] = '\0';

	value = strchr(name, '=');
	if (name[0] == '+' || name[0] == '-') {
		remove = name[0] == '-';
		memmove(name, name + 1, len);
	} else if (value && (strcmp(value, "=on") == 0 || strcmp(value, "=off") == 0)) {
		remove = strcmp(value, "=off") == 0;
		*value = '\0';
	} else {
		return error_set_usage(
			error,
			"--cpu: write '+%s' to require the feature or '-%s' to take it "
			"away",
			name, name);
	}

	if (cpu_feature_find(name, &index) < 0) {
		nearest = cpu_feature_nearest(name);
		if (nearest)
			return error_set_usage(error,
					       "--cpu: unknown feature '%s', did you mean '%s'?",
					       name, nearest);
		return error_set_usage(error, "--cpu: unknown feature '%s' (see --cpu help)", name);
	}
	set_bit(remove ? model->removed : model->required, index);
	return 0;
}

int cpu_model_parse(const char *text, struct cpu_model *ret_model, struct error *error)
{
	struct cpu_model asked = { 0 }, closed;
	size_t len = strcspn(text, ",");
	int r;

	if (len != strlen("host") || strncmp(text, "host", len) != 0)
		return error_set_usage(error,
				       "--cpu: unknown model '%.*s', the only one is 'host' (as in "
				       "--cpu host,-avx)",
				       (int)MIN(len, NAME_MAX_LEN), text);
	while (text[len] == ',') {
		text += len + 1;
		len = strcspn(text, ",");
		r = parse_feature(text, len, &asked, error);
		if (r < 0)
			return r;
	}
	closed = asked;
	close_removed(&closed);
	r = refuse_contradictions(&asked, &closed, error);
	if (r < 0)
		return r;
	*ret_model = closed;
	return 0;
}

void cpu_features_write_help(FILE *out)
{
	static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };

	(void)fputs("The model is 'host': every feature KVM supports.  Then, separated by commas,\n"
		    "  -NAME   take the feature away, with what builds on it\n"
		    "  +NAME   do not start unless the feature is there\n"
		    "e.g. --cpu host,-avx,+x2apic.  Features:\n",
		    out);
	for (size_t i = 0; i < cpu_features_nr; i++) {
		const struct cpu_feature *feature = &cpu_features[i];

		(void)fprintf(out, "  %-22s CPUID 0x%x.%u:%s[%d]", feature->name, feature->leaf,
			      feature->index, registers[feature->reg],
			      __builtin_ctz(feature->mask));
		if (feature->alias)
			(void)fprintf(out, ", also %s", feature->alias);
		(void)fputc('\n', out);
	}
}
