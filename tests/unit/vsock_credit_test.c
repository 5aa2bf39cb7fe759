/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "devices/virtio/vsock_credit.h"
#include "tests/unit/cmocka_all.h"

#define BUF 1000u

/* Counters that are about to wrap around. */
static struct vsock_credit near_the_end(void)
{
	struct vsock_credit credit;

	vsock_credit_init(&credit, BUF);
	credit.rx_cnt = credit.fwd_cnt = credit.told_fwd_cnt = UINT32_MAX - 10;
	credit.tx_cnt = credit.peer_fwd_cnt = UINT32_MAX - 20;
	return credit;
}

static void guest_may_fill_the_buffer_and_no_more(void **state)
{
	struct vsock_credit credit = near_the_end();

	(void)state;
	assert_int_equal(vsock_credit_receive(&credit, BUF + 1), -EPROTO);
	assert_int_equal(vsock_credit_receive(&credit, UINT32_MAX), -EPROTO);
	assert_int_equal(vsock_credit_receive(&credit, BUF - 1), 0);
	assert_int_equal(vsock_credit_receive(&credit, 1), 0);
	assert_int_equal(vsock_credit_receive(&credit, 1), -EPROTO);
	assert_int_equal(vsock_credit_receive(&credit, 0), 0);
	/* Space counts when the guest was told of it. */
	vsock_credit_forward(&credit, 300);
	assert_int_equal(vsock_credit_receive(&credit, 1), -EPROTO);
	assert_int_equal(vsock_credit_tell(&credit), credit.fwd_cnt);
	assert_int_equal(vsock_credit_receive(&credit, 300), 0);
	assert_int_equal(vsock_credit_receive(&credit, 1), -EPROTO);
}

static void a_quarter_of_the_buffer_is_news(void **state)
{
	struct vsock_credit credit = near_the_end();

	(void)state;
	assert_int_equal(vsock_credit_receive(&credit, BUF), 0);
	vsock_credit_forward(&credit, BUF / 4 - 1);
	assert_false(vsock_credit_is_news(&credit));
	vsock_credit_forward(&credit, 1);
	assert_true(vsock_credit_is_news(&credit));
	(void)vsock_credit_tell(&credit);
	assert_false(vsock_credit_is_news(&credit));
	/* A guest that used up all hears of it before the buffer is empty. */
	vsock_credit_forward(&credit, BUF * 3 / 4);
	assert_true(vsock_credit_is_news(&credit));
}

static void nothing_is_sent_before_the_guest_says_so(void **state)
{
	struct vsock_credit credit;

	(void)state;
	vsock_credit_init(&credit, BUF);
	assert_int_equal(vsock_credit_peer_free(&credit), 0);
	assert_int_equal(vsock_credit_hear(&credit, 500, 0), 0);
	assert_int_equal(vsock_credit_peer_free(&credit), 500);
}

static void space_of_the_guest_is_kept_to(void **state)
{
	struct vsock_credit credit = near_the_end();
	uint32_t start = credit.tx_cnt;

	(void)state;
	assert_int_equal(vsock_credit_hear(&credit, 500, start), 0);
	credit.tx_cnt += 500;
	assert_int_equal(vsock_credit_peer_free(&credit), 0);
	assert_int_equal(vsock_credit_hear(&credit, 500, start + 100), 0);
	assert_int_equal(vsock_credit_peer_free(&credit), 100);
	/* A buffer that became smaller than what is in it. */
	assert_int_equal(vsock_credit_hear(&credit, 200, start + 100), 0);
	assert_int_equal(vsock_credit_peer_free(&credit), 0);
	assert_int_equal(vsock_credit_hear(&credit, 200, start + 500), 0);
	assert_int_equal(vsock_credit_peer_free(&credit), 200);
}

static void old_news_change_nothing(void **state)
{
	struct vsock_credit credit = near_the_end();
	uint32_t start = credit.tx_cnt;

	(void)state;
	credit.tx_cnt += 400;
	assert_int_equal(vsock_credit_hear(&credit, 500, start + 300), 0);
	assert_int_equal(vsock_credit_hear(&credit, 1, start + 200), 0);
	assert_int_equal(vsock_credit_peer_free(&credit), 400);
}

static void bytes_that_were_not_sent_cannot_have_arrived(void **state)
{
	struct vsock_credit credit = near_the_end();
	uint32_t start = credit.tx_cnt;

	(void)state;
	credit.tx_cnt += 400;
	assert_int_equal(vsock_credit_hear(&credit, 500, start + 401), -EPROTO);
	assert_int_equal(vsock_credit_hear(&credit, 500, start + INT32_MAX), -EPROTO);
	assert_int_equal(credit.peer_fwd_cnt, start);
	assert_int_equal(vsock_credit_hear(&credit, 500, start + 400), 0);
}

/* However much a guest allows: the differences stay meaningful. */
static void boundless_space_has_a_bound(void **state)
{
	struct vsock_credit credit = near_the_end();

	(void)state;
	assert_int_equal(vsock_credit_hear(&credit, UINT32_MAX, credit.peer_fwd_cnt), 0);
	assert_int_equal(vsock_credit_peer_free(&credit), INT32_MAX);
	credit.tx_cnt += INT32_MAX;
	assert_int_equal(vsock_credit_peer_free(&credit), 0);
	assert_int_equal(vsock_credit_hear(&credit, UINT32_MAX, credit.tx_cnt), 0);
	assert_int_equal(vsock_credit_peer_free(&credit), INT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_may_fill_the_buffer_and_no_more),
		cmocka_unit_test(a_quarter_of_the_buffer_is_news),
		cmocka_unit_test(nothing_is_sent_before_the_guest_says_so),
		cmocka_unit_test(space_of_the_guest_is_kept_to),
		cmocka_unit_test(old_news_change_nothing),
		cmocka_unit_test(bytes_that_were_not_sent_cannot_have_arrived),
		cmocka_unit_test(boundless_space_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
