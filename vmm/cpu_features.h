/* SPDX-License-Identifier: MIT */
/*
 * CPU features by name, and the CPU model a user asks for with `--cpu host,-cx16,+avx2`.
 *
 * Names are those of Linux's /proc/cpuinfo, with QEMU's spelling as a second name where the two
 * differ.  Nothing here asks the host: whether a feature exists is decided when cpuid_build() looks
 * at KVM's table.  Constant tables and plain structures: any thread.
 */
#ifndef GLASSBOX_VMM_CPU_FEATURES_H
#define GLASSBOX_VMM_CPU_FEATURES_H

#include <stdio.h>

#include "base/error.h"
#include "base/util.h"

enum cpuid_register { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

/* A named feature; it is there if any bit of @mask is set. */
struct cpu_feature {
	const char *name;
	const char *alias; /* another name for it, or NULL */
	uint32_t leaf, index;
	enum cpuid_register reg;
	uint32_t mask;
};

/* @name means nothing without @needs: taking away @needs takes away @name. */
struct cpu_feature_dependency {
	const char *name;
	const char *needs;
};

extern const struct cpu_feature cpu_features[];
extern const size_t cpu_features_nr;
extern const struct cpu_feature_dependency cpu_feature_dependencies[];
extern const size_t cpu_feature_dependencies_nr;

#define CPU_FEATURES_MAX 320u

/*
 * What the user wants to differ from the host; all zero is `host`.  Bit numbers are indices of
 * cpu_features[].
 */
struct cpu_model {
	uint64_t removed[CPU_FEATURES_MAX / 64];  /* closed over the dependencies */
	uint64_t required[CPU_FEATURES_MAX / 64]; /* disjoint from @removed */
};

/**
 * cpu_model_parse() - read the argument of `--cpu`
 * @text: `host`, then any number of `,-name`, `,+name`, `,name=off`, `,name=on`.  Taking away a
 *        feature takes away what builds on it: without xsave there is no avx.
 *
 * In names, '-', '_' and '.' are the same.  Return: 0, or -EINVAL with @error set: unknown base
 * model, unknown feature (with the nearest name), or a feature both required and taken away.
 */
int cpu_model_parse(const char *text, struct cpu_model *ret_model, struct error *error)
	__must_check;

/** cpu_feature_find() - the index in cpu_features[] of @name.  Return: 0, or -ENOENT. */
int cpu_feature_find(const char *name, size_t *ret_index) __must_check;

/** cpu_feature_nearest() - the known name closest to a mistyped @name, or NULL if none is close */
const char *cpu_feature_nearest(const char *name);

static inline bool cpu_model_removes(const struct cpu_model *model, size_t feature)
{
	return model->removed[feature / 64] >> (feature % 64) & 1;
}

static inline bool cpu_model_requires(const struct cpu_model *model, size_t feature)
{
	return model->required[feature / 64] >> (feature % 64) & 1;
}

/** cpu_features_write_help() - the text of `--cpu help`: the syntax, then every name and its bit */
void cpu_features_write_help(FILE *out);

#endif
