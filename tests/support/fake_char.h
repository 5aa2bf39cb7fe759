/* SPDX-License-Identifier: MIT */
/* The host side of a console's line, for tests: keeps what it is given, has as much room as told.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_FAKE_CHAR_H
#define GLASSBOX_TESTS_SUPPORT_FAKE_CHAR_H

#include <string.h>

#include "devices/backend/char_backend.h"

#define FAKE_CHAR_MAX (128 * 1024)

struct fake_char {
	char written[FAKE_CHAR_MAX]; /* its beginning, the rest is only counted */
	size_t count;
	size_t room;      /* of bytes that may be written with nothing lost */
	bool room_wanted; /* it was asked for more than that */
	size_t overrun;   /* bytes written without room */
	unsigned resumes;
};

static inline void fake_char_write(void *ctx, const void *buf, size_t len)
{
	struct fake_char *chr = ctx;
	size_t kept = chr->count < FAKE_CHAR_MAX ? MIN(len, FAKE_CHAR_MAX - chr->count) : 0;

	if (kept)
		memcpy(chr->written + chr->count, buf, kept);
	chr->count += len;
	if (len > chr->room)
		chr->overrun += len - chr->room;
	chr->room -= MIN(len, chr->room);
}

static inline void fake_char_resume(void *ctx)
{
	((struct fake_char *)ctx)->resumes++;
}

static inline size_t fake_char_room(void *ctx, size_t want)
{
	struct fake_char *chr = ctx;

	chr->room_wanted = chr->room < want;
	return MIN(chr->room, want);
}

static inline void fake_char_init(struct fake_char *chr)
{
	memset(chr, 0, sizeof(*chr));
	chr->room = SIZE_MAX;
}

static inline struct char_backend fake_char_backend(struct fake_char *chr)
{
	return (struct char_backend){
		.write = fake_char_write,
		.resume = fake_char_resume,
		.room = fake_char_room,
		.ctx = chr,
	};
}

/* Was exactly @text written since the last look? */
static inline bool fake_char_wrote(struct fake_char *chr, const char *text)
{
	bool equal = chr->count == strlen(text) && memcmp(chr->written, text, chr->count) == 0;

	chr->count = 0;
	return equal;
}

#endif
