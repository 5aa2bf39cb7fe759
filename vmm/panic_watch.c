/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "vmm/panic_watch.h"

/* What Linux's panic() prints in front of its message. */
static const char panic_words[] = "Kernel panic - not syncing: ";

/* Control characters of a hostile guest must not reach the user's terminal through our message. */
static void keep_message(struct panic_watch *watch, const char *text)
{
	size_t n = 0;

	for (; *text && n < sizeof(watch->message) - 1; text++)
		if (*text >= ' ' && *text < 0x7f)
			watch->message[n++] = *text;
	watch->message[n] = '\0';
}

static void end_line(struct panic_watch *watch)
{
	const char *found;

	watch->line[watch->len] = '\0';
	watch->len = 0;
	found = strstr(watch->line, panic_words);
	if (found && watch->message[0] == '\0')
		keep_message(watch, found + sizeof(panic_words) - 1);
}

void panic_watch_feed(struct panic_watch *watch, const void *data, size_t len)
{
	const char *text = data;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			end_line(watch);
		else if (text[i] != '\0' && watch->len < sizeof(watch->line) - 1)
			watch->line[watch->len++] = text[i];
	}
}
