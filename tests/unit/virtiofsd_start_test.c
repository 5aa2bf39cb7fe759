/* SPDX-License-Identifier: MIT */
/* What virtiofsd is started with: which directories and programs will do, who may start it, and
 * what it is kept from. */
#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "devices/backend/jail.h"
#include "tests/unit/virtiofsd_fixture.h"

#define NOBODY 65534

static void bad_directories_are_refused(void **state)
{
	struct fixture f;
	char path[64];

	(void)state;
	setup(&f);
	f.config.path = "/nonexistent";
	assert_int_equal(virtiofsd_start(&f.config, &f.backend, &f.error), -ENOENT);
	assert_string_equal(f.error.message,
			    "cannot share '/nonexistent': No such file or directory");
	path_in(&f, "file", path);
	f.config.path = path;
	assert_int_equal(virtiofsd_start(&f.config, &f.backend, &f.error), -ENOTDIR);
	assert_non_null(strstr(f.error.message, "it is not a directory"));
	teardown(&f);
}

static void bad_programs_are_told_of(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.config.program = "/nonexistent/virtiofsd";
	assert_int_equal(virtiofsd_start(&f.config, &f.backend, &f.error), -ENOENT);
	assert_non_null(strstr(f.error.message, ": cannot run the program: No such file"));
	teardown(&f);

	/* One that does not know the options, and says so. */
	setup(&f);
	f.config.program = "/bin/ls";
	assert_int_equal(start_device(&f), -ECONNRESET);
	assert_string_equal(f.error.message, "it hung up");
	assert_non_null(strstr(virtiofsd_last_words(f.backend, "nothing"), "ls --help"));
	teardown(&f);

	setup(&f);
	f.config.program = "/bin/false";
	assert_int_equal(start_device(&f), -ECONNRESET);
	assert_string_equal(virtiofsd_last_words(f.backend, "nothing"), "nothing");
	teardown(&f);
}

/* A program that tries to write to the directory it is to share, and to the same by the host's
 * path. */
static void nothing_but_the_share_is_written(void **state)
{
	struct fixture f;
	char script[64], text[256];

	(void)state;
	setup(&f);
	(void)snprintf(text, sizeof(text), "#!/bin/sh\n>%s/inside\n>%s/outside\n", jail_find_root(),
		       f.dir);
	write_file(&f, "script", text);
	path_in(&f, "script", script);
	assert_int_equal(chmod(script, 0755), 0);
	f.config.program = script;
	assert_int_equal(start_device(&f), -ECONNRESET);
	assert_non_null(
		strstr(virtiofsd_last_words(f.backend, "nothing"), "Read-only file system"));
	assert_true(exists(&f, "inside"));
	assert_false(exists(&f, "outside"));
	remove_file(&f, "inside");
	remove_file(&f, "script");
	teardown(&f);
}

enum { WORKS, FAILS, NEEDS_IDS, NO_NAMESPACES };

static int why_not(const char *message)
{
	if (strstr(message, "a normal user may not make namespaces"))
		return NO_NAMESPACES;
	return strstr(message, "newuidmap") ? NEEDS_IDS : FAILS;
}

static void __attribute__((noreturn))
be_nobody(struct fixture *f, const gid_t *groups, size_t nr_groups)
{
	bool refused;

	if (setgroups(nr_groups, groups) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(FAILS);
	/* What /proc shows of us is ours again. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	f->config.read_only = true;
	if (start_device(f) < 0) {
		print_message("%s\n", f->error.message);
		_exit(why_not(f->error.message));
	}
	start_driver(f);
	fuse_start(f);
	expect_file_is_read(f);
	refused = fuse_create(f, "new") == -EROFS;
	destroy_and_null(f->dev);
	_exit(refused ? WORKS : FAILS);
}

static int try_as_nobody(const gid_t *groups, size_t nr_groups)
{
	struct fixture f;
	int status;
	pid_t pid;

	setup(&f);
	pid = fork();
	if (pid == 0)
		be_nobody(&f, groups, nr_groups);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	teardown(&f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : FAILS;
}

static void normal_user_can_share(void **state)
{
	static const gid_t some[] = { 5, 6 };
	int result;

	(void)state;
	if (geteuid() != 0)
		skip();
	result = try_as_nobody(NULL, 0);
	/* They may be root's on this host. */
	if (result == NO_NAMESPACES)
		skip();
	assert_int_equal(result, WORKS);
	/* Who cannot leave a group is told what would help. */
	result = try_as_nobody(some, ARRAY_SIZE(some));
	assert_true(result == NEEDS_IDS || result == WORKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_directories_are_refused),
		cmocka_unit_test(bad_programs_are_told_of),
		cmocka_unit_test(nothing_but_the_share_is_written),
		cmocka_unit_test(normal_user_can_share),
	};

	check_host();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
