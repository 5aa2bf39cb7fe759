/* SPDX-License-Identifier: MIT */
/* What tests with tiny guests share. */
#ifndef GLASSBOX_TESTS_GUEST_GUEST_H
#define GLASSBOX_TESTS_GUEST_GUEST_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"
#include "vmm/probe.h"

#define GUEST_KVM  "/dev/kvm"
#define GUEST_SKIP 77 /* ctest counts it as skipped */

/** guest_lacks_kvm() - true, with the reason on standard error, if no guest can run here */
static inline bool guest_lacks_kvm(void)
{
	int fd = open(GUEST_KVM, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		(void)close(fd);
		return false;
	}
	(void)fprintf(stderr, "skipped: cannot open %s: %s\n", GUEST_KVM, strerror(errno));
	return true;
}

static inline int guest_set_up_with(bool irqchip, void **state)
{
	struct probe *probe;
	struct error error;
	int r = probe_create(GUEST_KVM, irqchip, &probe, &error);

	if (r < 0) {
		(void)fprintf(stderr, "%s\n", error.message);
		return r;
	}
	*state = probe;
	return 0;
}

/* cmocka's fixtures: *state is a struct probe. */
static inline int guest_set_up(void **state)
{
	return guest_set_up_with(false, state);
}

static inline int guest_tear_down(void **state)
{
	probe_destroy(*state);
	return 0;
}

#define guest_test(function)                                                                       \
	cmocka_unit_test_setup_teardown(function, guest_set_up, guest_tear_down)

/** guest_run() - run to the next exit, which must have this reason */
#define guest_run(probe, reason) guest_run_at(probe, reason, __FILE__, __LINE__)

static inline void guest_run_at(struct probe *probe, uint32_t reason, const char *file, int line)
{
	int r = probe_run(probe);
	char found[192];

	if (r == 0 && probe->vcpu.run->exit_reason == reason)
		return;
	(void)fprintf(stderr, "expected %s, found: %s\n", probe_exit_name(reason),
		      probe_describe(probe, r, found, sizeof(found)));
	_fail(file, line);
}

/** guest_io_data() - the bytes of a KVM_EXIT_IO */
static inline uint8_t *guest_io_data(struct probe *probe)
{
	return (uint8_t *)probe->vcpu.run + probe->vcpu.run->io.data_offset;
}

#endif
