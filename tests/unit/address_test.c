/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "tests/unit/cmocka_all.h"

static void tcp_defaults_to_loopback_and_reports_its_port(void **state)
{
	_cleanup_free_ char *bound = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct error error = { 0 };

	(void)state;
	assert_int_equal(address_listen("tcp::0", &fd, &bound, &error), 0);
	assert_memory_equal(bound, "tcp:127.0.0.1:", 14);
	assert_string_not_equal(bound, "tcp:127.0.0.1:0");
}

static void address_in_use_is_named(void **state)
{
	_cleanup_free_ char *bound = NULL, *second = NULL;
	_cleanup_close_ int fd = -EBADF, other = -EBADF;
	struct error error = { 0 };

	(void)state;
	assert_int_equal(address_listen("tcp:127.0.0.1:0", &fd, &bound, &error), 0);
	assert_int_equal(address_listen(bound, &other, &second, &error), -EADDRINUSE);
	assert_non_null(strstr(error.message, bound));
}

static void unix_socket_is_private_and_replaces_a_dead_one(void **state)
{
	char address[128], *path = address + 5;
	struct stat st;
	struct error error = { 0 };

	(void)state;
	(void)snprintf(address, sizeof(address), "unix:address_test.%d.sock", (int)getpid());
	for (int round = 0; round < 2; round++) {
		_cleanup_free_ char *bound = NULL, *second = NULL;
		_cleanup_close_ int fd = -EBADF, other = -EBADF;

		assert_int_equal(address_listen(address, &fd, &bound, &error), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(address_listen(address, &other, &second, &error), -EADDRINUSE);
	}
	address_unlink(address);
	assert_int_equal(stat(path, &st), -1);
}

static void nonsense_and_foreign_files_are_refused(void **state)
{
	static const char *const bad[] = { "1234",
					   "tcp:",
					   "tcp:host",
					   "tcp:localhost:",
					   "unix:",
					   "udp:1:2",
					   "tcp:127.0.0.1:65536",
					   "tcp:127.0.0.1:0x" };
	_cleanup_free_ char *bound = NULL;
	struct error error = { 0 };
	int fd = -EBADF;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(address_listen(bad[i], &fd, &bound, &error), -EINVAL);
	assert_int_equal(address_listen("unix:/dev/null", &fd, &bound, &error), -EEXIST);
	assert_int_equal(address_listen("unix:/nonexistent/dir/socket", &fd, &bound, &error),
			 -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_defaults_to_loopback_and_reports_its_port),
		cmocka_unit_test(address_in_use_is_named),
		cmocka_unit_test(unix_socket_is_private_and_replaces_a_dead_one),
		cmocka_unit_test(nonsense_and_foreign_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
