/* SPDX-License-Identifier: MIT */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "trace/lttng_home.h"

const char *lttng_home(void)
{
	const char *home = getenv("LTTNG_HOME");
	const struct passwd *user;

	if (!home)
		home = getenv("HOME");
	if (home)
		return home;
	user = getpwuid(getuid());
	return user ? user->pw_dir : "/";
}
