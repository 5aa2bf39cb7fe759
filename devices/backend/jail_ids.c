/* SPDX-License-Identifier: MIT */
/*
 * Whom the users of a user namespace are outside of it.  The user is root in there.  Others are
 * those IDs that the administrator has given the user (subuid(5)), which takes the privileged
 * programs newuidmap(1) and newgidmap(1) to say.
 *
 * Without them the user is all alone, and may not leave any supplementary group: a program that
 * insists on that, as virtiofsd does, starts only if there is none.  A login puts even the user's
 * primary group among them, so that is for processes of a container or a service at most.
 */
#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "devices/backend/jail.h"

#define LINE_MAX_LEN 256

struct id_range {
	unsigned long start, count;
};

/* The first range of the user, named @name or by number, in a file of lines NAME:START:COUNT. */
static bool find_range(const char *file, const char *name, struct id_range *ret_range)
{
	_cleanup_fclose_ FILE *lines = fopen(file, "re");
	char line[LINE_MAX_LEN], number[32];

	(void)snprintf(number, sizeof(number), "%u", (unsigned)geteuid());
	while (lines && fgets(line, sizeof(line), lines)) {
		char *start = strchr(line, ':'), *count, *end;

		count = start ? strchr(start + 1, ':') : NULL;
		if (!count)
			continue;
		*start++ = '\0';
		*count++ = '\0';
		if (strcmp(line, number) != 0 && (!name || strcmp(line, name) != 0))
			continue;
		ret_range->start = strtoul(start, NULL, 10);
		ret_range->count = strtoul(count, &end, 10);
		if (ret_range->start && ret_range->count && (*end == '\n' || *end == '\0'))
			return true;
	}
	return false;
}

static int spawn_quietly(const char *program, char *const *argv, pid_t *ret_pid)
{
	char *environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	int r = -posix_spawn_file_actions_init(&actions);

	if (r < 0)
		return r;
	r = -posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = -posix_spawn(ret_pid, program, &actions, NULL, argv, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Runs @program: 0 is @own, 1 and what follows are those of @range. */
static int run_mapper(const char *program, pid_t pid, unsigned own, const struct id_range *range)
{
	char name[32], target[32], self[32], start[32], count[32], zero[] = "0", one[] = "1";
	char *argv[] = { name, target, zero, self, one, one, start, count, NULL };
	pid_t mapper;
	int status, r;

	(void)snprintf(name, sizeof(name), "%s", program);
	(void)snprintf(target, sizeof(target), "%d", (int)pid);
	(void)snprintf(self, sizeof(self), "%u", own);
	(void)snprintf(start, sizeof(start), "%lu", range->start);
	(void)snprintf(count, sizeof(count), "%lu", range->count);
	r = spawn_quietly(program, argv, &mapper);
	if (r < 0)
		return r;
	while (waitpid(mapper, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int write_file(pid_t pid, const char *name, const char *text)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

/* What the kernel lets everybody say: 0 is the user, and nobody else is there. */
static int map_user_alone(pid_t pid)
{
	char uids[64], gids[64];
	int r;

	(void)snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)geteuid());
	(void)snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getegid());
	r = write_file(pid, "uid_map", uids);
	if (r == 0)
		r = write_file(pid, "setgroups", "deny");
	if (r == 0)
		r = write_file(pid, "gid_map", gids);
	return r;
}

int jail_map_ids(pid_t pid, struct error *error)
{
	const struct passwd *user = getpwuid(geteuid());
	const char *name = user ? user->pw_name : NULL;
	struct id_range uids, gids;
	int r = -ENOENT;

	if (find_range("/etc/subuid", name, &uids) && find_range("/etc/subgid", name, &gids)) {
		r = run_mapper("/usr/bin/newuidmap", pid, geteuid(), &uids);
		if (r == 0)
			r = run_mapper("/usr/bin/newgidmap", pid, getegid(), &gids);
	} else if (getgroups(0, NULL) == 0) {
		r = map_user_alone(pid);
	}
	if (r == 0)
		return 0;
	return error_set(
		error, r,
		"a normal user needs newuidmap and newgidmap (Debian: package uidmap), and "
		"IDs in /etc/subuid and /etc/subgid");
}
