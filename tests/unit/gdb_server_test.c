/* SPDX-License-Identifier: MIT */
/* The server on real sockets: clients that come, go, vanish, push in or do not listen. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/gdb_client.h"
#include "tests/support/gdb_machine.h"
#include "tests/support/unix_peer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/loop_fixture.h"

/* nop; nop; inc %rax; jmp to the start */
static const uint8_t loop_code[] = { 0x90, 0x90, 0x48, 0xff, 0xc0, 0xeb, 0xf9 };

static struct gdb_machine machine;
static char socket_path[64];
static uint8_t received[1 << 20];
static size_t received_len;

static int setup(void **state)
{
	char address[80];
	struct error error;

	(void)state;
	(void)snprintf(socket_path, sizeof(socket_path), "gdb_server_test.%d.socket", getpid());
	(void)snprintf(address, sizeof(address), "unix:%s", socket_path);
	assert_int_equal(gdb_machine_create(&machine, address, 2, &error), 0);
	fake_target_write(&machine.fake, FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	received_len = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gdb_machine_destroy(&machine);
	assert_int_equal(access(socket_path, F_OK), -1);
	return 0;
}

static int client_open(void)
{
	return unix_peer_connect_nonblocking(socket_path);
}

/* Lets the server and the machine do what there is to do. */
static void turn(unsigned times)
{
	loop_turns(machine.loop, times);
}

static void send_all(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void send_packet(int fd, const char *body)
{
	char *frame;
	size_t len = gdb_client_frame(body, strlen(body), &frame);

	send_all(fd, frame, len);
	free(frame);
}

/* Reads what has come; true unless the other side has closed. */
static bool receive(int fd)
{
	ssize_t n =
		recv(fd, received + received_len, sizeof(received) - received_len, MSG_DONTWAIT);

	if (n > 0)
		received_len += (size_t)n;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* The next reply; the caller frees it. */
static char *next_reply(int fd)
{
	for (unsigned i = 0; i < 1000; i++) {
		char *body;
		size_t body_len, used = gdb_client_parse(received, received_len, &body, &body_len);

		if (used > 0) {
			memmove(received, received + used, received_len - used);
			received_len -= used;
			return body;
		}
		turn(1);
		(void)receive(fd);
	}
	fail_msg("no reply");
	return NULL;
}

static void assert_next_reply(int fd, const char *head)
{
	char *reply = next_reply(fd);

	if (strncmp(reply, head, strlen(head)) != 0)
		fail_msg("got '%s', wanted '%s...'", reply, head);
	free(reply);
}

static void assert_closed(int fd)
{
	bool open = true;

	for (unsigned i = 0; i < 100 && open; i++) {
		turn(1);
		open = receive(fd);
	}
	assert_false(open);
	(void)close(fd);
}

/* As if no debugger had ever been there. */
static void assert_runs_untouched(void)
{
	turn(10);
	assert_true(machine.fake.running);
	assert_memory_equal(machine.fake.memory + FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	assert_false(machine.fake.setup.sw_breakpoints);
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++)
		assert_false(machine.fake.setup.hw[i].used);
	assert_int_equal(machine.fake.kinds[0], GDB_RESUME_CONTINUE);
	assert_int_equal(machine.fake.kinds[1], GDB_RESUME_CONTINUE);
}

static void session_over_a_socket(void **state)
{
	int fd = client_open();

	(void)state;
	send_packet(fd, "qSupported:swbreak+");
	assert_next_reply(fd, "PacketSize=20000;");
	send_packet(fd, "QStartNoAckMode");
	assert_next_reply(fd, "OK");
	send_packet(fd, "Z0,ffffffff81000002,1");
	assert_next_reply(fd, "OK");
	for (unsigned i = 0; i < 100; i++) {
		send_packet(fd, "vCont;c");
		assert_next_reply(fd, "T05thread:");
	}
	send_packet(fd, "z0,ffffffff81000002,1");
	assert_next_reply(fd, "OK");
	send_packet(fd, "vCont;c");
	turn(10);
	send_all(fd, "\x03", 1);
	assert_next_reply(fd, "T02thread:1;");
	send_packet(fd, "D");
	assert_next_reply(fd, "OK");
	assert_closed(fd);
	assert_runs_untouched();
}

static void tcp_works_and_reports_its_port(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct gdb_server *server = NULL;
	struct error error;
	unsigned port = 0;
	int fd;

	(void)state;
	assert_int_equal(gdb_server_create(machine.loop, "tcp:127.0.0.1:0", &machine.fake.target,
					   true, &server, &error),
			 0);
	assert_int_equal(sscanf(gdb_server_address(server), "tcp:127.0.0.1:%u", &port), 1);
	addr.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	send_packet(fd, "?");
	assert_next_reply(fd, "T05thread:1;");
	gdb_server_destroy(server);
	(void)close(fd);
}

static void bad_address_is_an_error(void **state)
{
	struct gdb_server *server = NULL;
	struct error error;

	(void)state;
	assert_int_equal(gdb_server_create(machine.loop, "carrier:pigeon", &machine.fake.target,
					   true, &server, &error),
			 -EINVAL);
	assert_null(server);
	gdb_server_destroy(NULL);
}

static void second_client_is_turned_away(void **state)
{
	int first = client_open(), second;

	(void)state;
	turn(3);
	second = client_open();
	send_packet(second, "k");
	assert_closed(second);
	send_packet(first, "?");
	assert_next_reply(first, "T05");
	assert_false(machine.fake.killed);
	(void)close(first);
	turn(3);
	/* There is room again. */
	second = client_open();
	send_packet(second, "?");
	assert_next_reply(second, "T05");
	(void)close(second);
}

/* The old connection's end and the new one are seen in the same moment. */
static void client_may_come_back_at_once(void **state)
{
	int fd = client_open();

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		send_packet(fd, "?");
		assert_next_reply(fd, "T05");
		(void)close(fd);
		fd = client_open();
	}
	(void)close(fd);
	assert_runs_untouched();
}

/* Connecting stops the machine; what was sent before it had stopped is answered then. */
static void client_finds_machine_stopped(void **state)
{
	int fd = client_open();

	(void)state;
	send_packet(fd, "D");
	assert_next_reply(fd, "OK");
	assert_closed(fd);
	assert_runs_untouched();
	received_len = 0;
	fd = client_open();
	send_packet(fd, "?");
	send_packet(fd, "qC");
	assert_next_reply(fd, "T05thread:1;");
	assert_next_reply(fd, "QC1");
	assert_false(machine.fake.running);
	(void)close(fd);
	assert_runs_untouched();
}

/* A client may vanish behind any byte of a session; the machine never minds. */
static void client_may_vanish_anywhere(void **state)
{
	static const char script[] = "+$qSupported:swbreak+#8b"
				     "+$QStartNoAckMode#b0+"
				     "$Z0,ffffffff81000102,1#cf"
				     "$Z1,ffffffff81000202,1#d1"
				     "$Z2,ffffffff81003000,8#d8"
				     "$g#67$vCont;s:1#23$vCont;c#a8\x03$?#3f"
				     "$vCont;c:2#14";

	(void)state;
	for (size_t len = 0; len < sizeof(script); len++) {
		int fd = client_open();

		for (size_t at = 0; at < len; at++) {
			send_all(fd, script + at, 1);
			/* Sometimes the server keeps up, sometimes it sees all at once. */
			if (len % 2)
				turn(1);
		}
		turn(len % 3);
		(void)close(fd);
		assert_runs_untouched();
	}
	session_over_a_socket(state);
}

/* A client that asks for megabytes and does not read costs a bounded buffer, and loses nothing. */
static void slow_reader_loses_nothing(void **state)
{
	enum { REQUESTS = 60 };
	int fd = client_open();
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0x1000; i < FAKE_KERNEL_SIZE; i++) {
		seed = seed * 1664525 + 1013904223;
		machine.fake.memory[FAKE_KERNEL_GPA + i] = (uint8_t)(seed >> 24);
	}
	for (unsigned i = 0; i < REQUESTS; i++)
		send_packet(fd, "mffffffff81001000,f000");
	turn(50);
	for (unsigned i = 0; i < REQUESTS; i++) {
		char *reply = next_reply(fd), byte[3] = "";

		assert_int_equal(strlen(reply), 2 * 0xf000);
		for (size_t j = 0; j < 0xf000; j++) {
			memcpy(byte, reply + 2 * j, 2);
			assert_int_equal(strtoul(byte, NULL, 16),
					 machine.fake.memory[FAKE_KERNEL_GPA + 0x1000 + j]);
		}
		free(reply);
	}
	/* One that goes away instead of reading ends only its own connection. */
	for (unsigned i = 0; i < REQUESTS; i++)
		send_packet(fd, "mffffffff81001000,f000");
	turn(5);
	(void)close(fd);
	assert_runs_untouched();
}

static void kill_closes_the_connection(void **state)
{
	int fd = client_open();

	(void)state;
	send_packet(fd, "k");
	assert_closed(fd);
	assert_true(machine.fake.killed);
}

/* The guest may end while nobody is there; the next client hears of it. */
static void exit_is_kept_for_the_next_client(void **state)
{
	static const uint8_t hlt[] = { 0xf4 };
	int fd = client_open();

	(void)state;
	fake_target_write(&machine.fake, FAKE_KERNEL_GPA, hlt, sizeof(hlt));
	turn(3);
	(void)close(fd);
	turn(10);
	assert_true(machine.exited);
	fd = client_open();
	send_packet(fd, "?");
	assert_next_reply(fd, "W00");
	(void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(session_over_a_socket),        TEST(tcp_works_and_reports_its_port),
		TEST(bad_address_is_an_error),      TEST(second_client_is_turned_away),
		TEST(client_may_come_back_at_once), TEST(client_finds_machine_stopped),
		TEST(client_may_vanish_anywhere),   TEST(slow_reader_loses_nothing),
		TEST(kill_closes_the_connection),   TEST(exit_is_kept_for_the_next_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
