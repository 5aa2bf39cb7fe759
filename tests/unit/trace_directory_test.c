/* SPDX-License-Identifier: MIT */
/* What trace_session_start() says to a directory it cannot use, before anything is started. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"
#include "trace/session.h"

static char root[] = "/tmp/trace_directory_test.XXXXXX";

static int enter_root(void **state)
{
	(void)state;
	return mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static int leave_root(void **state)
{
	(void)state;
	(void)unlink("full/file");
	(void)rmdir("full");
	(void)unlink("file");
	return chdir("/") == 0 && rmdir(root) == 0 ? 0 : -1;
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

static int start(const char *dir, struct error *error)
{
	struct trace_session *session = (struct trace_session *)1;
	int r = trace_session_start(dir, 0, &session, error);

	assert_ptr_equal(session, (struct trace_session *)1);
	/* A build without LTTng refuses them all, with one sentence. */
	if (r == -ENOTSUP && strstr(error->message, "without LTTng")) {
		print_message("%s\n", error->message);
		skip();
	}
	return r;
}

static void other_peoples_files_are_left_alone(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(mkdir("full", 0700), 0);
	make_file("full/file");
	assert_int_equal(start("full", &error), -ENOTEMPTY);
	assert_non_null(strstr(error.message, "'full' is not empty"));
	assert_int_equal(access("full/file", F_OK), 0);
}

static void a_file_is_no_directory(void **state)
{
	struct error error;

	(void)state;
	make_file("file");
	assert_int_equal(start("file", &error), -EEXIST);
	assert_non_null(strstr(error.message, "not a directory"));
}

static void the_parent_must_exist(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(start("no/such", &error), -ENOENT);
	assert_non_null(strstr(error.message, "'no/such'"));
}

static void stopping_nothing_loses_nothing(void **state)
{
	struct trace_lost lost = { .events = 1, .unfinished = true };

	(void)state;
	assert_int_equal(trace_session_stop(NULL, &lost, NULL), 0);
	assert_int_equal(lost.events, 0);
	assert_false(lost.unfinished);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_peoples_files_are_left_alone),
		cmocka_unit_test(a_file_is_no_directory),
		cmocka_unit_test(the_parent_must_exist),
		cmocka_unit_test(stopping_nothing_loses_nothing),
	};

	return cmocka_run_group_tests(tests, enter_root, leave_root);
}
