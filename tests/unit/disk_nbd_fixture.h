/* SPDX-License-Identifier: MIT */
/* An NBD disk at a server in a thread. */
#ifndef GLASSBOX_TESTS_UNIT_DISK_NBD_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_DISK_NBD_FIXTURE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/backend/disk_nbd.h"
#include "tests/support/fake_nbd.h"
#include "tests/unit/disk_fixture.h"

/* Ends what hangs: nothing waits for them to be over. */
#define NBD_PATIENCE_MS 60000u

struct nbd_fixture {
	struct disk_fixture on;
	struct fake_nbd fake;
	struct disk_nbd_config config;
	struct disk_nbd_notes notes;
	unsigned lost;
	char cause[256];
};

static inline void nbd_on_lost(void *ctx, const char *cause)
{
	struct nbd_fixture *f = ctx;

	f->lost++;
	(void)snprintf(f->cause, sizeof(f->cause), "%s", cause);
	loop_quit(f->on.loop);
}

static inline void nbd_init(struct nbd_fixture *f)
{
	memset(f, 0, sizeof(*f));
	disk_fixture_init(&f->on);
	f->config.connect_ms = f->config.answer_ms = NBD_PATIENCE_MS;
	f->config.lost = nbd_on_lost;
	f->config.ctx = f;
}

static inline int nbd_open(struct nbd_fixture *f, const char *uri)
{
	int r;

	f->config.uri = uri;
	r = disk_nbd_open(&f->config, f->on.loop, &f->on.disk, &f->notes, &f->on.error);
	if (r == 0)
		disk_attach(f->on.disk, disk_on_completed, &f->on);
	return r;
}

static inline void nbd_start(struct nbd_fixture *f, const struct fake_nbd_config *config)
{
	nbd_init(f);
	fake_nbd_start(&f->fake, config);
}

static inline void nbd_start_and_open(struct nbd_fixture *f, const struct fake_nbd_config *config)
{
	nbd_start(f, config);
	f->config.read_only = config->flags & NBD_FLAG_READ_ONLY;
	if (nbd_open(f, f->fake.uri) < 0)
		fail_msg("%s", f->on.error.message);
}

static inline void nbd_end(struct nbd_fixture *f)
{
	disk_fixture_deinit(&f->on);
	fake_nbd_stop(&f->fake);
	fake_nbd_free(&f->fake);
}

#endif
