/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "devices/legacy/serial.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

/* Offsets and bits as a driver knows them. */
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

#define IER_RDI   0x01
#define IER_THRI  0x02
#define IER_RLSI  0x04
#define IER_MSI   0x08
#define FCR_ON    0x01
#define FCR_CLEAR 0x06
#define MCR_LOOP  0x10
#define LSR_DR    0x01
#define LSR_OE    0x02

struct line {
	struct device *dev;
	struct recorded_irq irq;
	char output[64];
	size_t output_len;
	unsigned resumes;
};

static void line_write(void *ctx, const void *buf, size_t len)
{
	struct line *line = ctx;

	assert_true(line->output_len + len < sizeof(line->output));
	memcpy(line->output + line->output_len, buf, len);
	line->output_len += len;
}

static void line_resume(void *ctx)
{
	struct line *line = ctx;

	line->resumes++;
}

static int line_setup(void **state)
{
	struct line *line = calloc(1, sizeof(*line));
	struct serial_config config = { .name = "serial0" };

	assert_non_null(line);
	config.irq = recorded_irq_line(&line->irq);
	config.backend =
		(struct char_backend){ .write = line_write, .resume = line_resume, .ctx = line };
	assert_int_equal(serial_create(&config, &line->dev), 0);
	*state = line;
	return 0;
}

static int line_teardown(void **state)
{
	struct line *line = *state;

	destroy_and_null(line->dev);
	free(line);
	return 0;
}

static void serial_writes_reach_the_backend_at_once(void **state)
{
	struct line *line = *state;

	poke(line->dev, DATA, 'o');
	poke(line->dev, DATA, 'k');
	assert_int_equal(line->output_len, 2);
	assert_memory_equal(line->output, "ok", 2);
	assert_int_equal(peek(line->dev, LSR), 0x60);
}

static void serial_two_instances_share_nothing(void **state)
{
	struct line *a = *state, *b;
	void *other;

	line_setup(&other);
	b = other;
	poke(a->dev, SCR, 1);
	poke(b->dev, SCR, 2);
	poke(b->dev, DATA, 'b');
	assert_int_equal(peek(a->dev, SCR), 1);
	assert_int_equal(peek(b->dev, SCR), 2);
	assert_int_equal(a->output_len, 0);
	assert_int_equal(b->output_len, 1);
	line_teardown(&other);
}

/* The checks that Linux's 8250 driver makes before it calls a port a 16550A. */
static void serial_probes_as_16550a(void **state)
{
	struct line *line = *state;

	poke(line->dev, IER, 0);
	assert_int_equal(peek(line->dev, IER) & 0x0f, 0);
	poke(line->dev, IER, 0x0f);
	assert_int_equal(peek(line->dev, IER) & 0x0f, 0x0f);
	poke(line->dev, IER, 0);
	poke(line->dev, MCR, MCR_LOOP | 0x0a);
	assert_int_equal(peek(line->dev, MSR) & 0xf0, 0x90);
	poke(line->dev, MCR, 0);
	poke(line->dev, FCR, FCR_ON);
	assert_int_equal(peek(line->dev, IIR) >> 6, 3);
	/* No extended feature register (16650 and later) in bank 0xbf. */
	poke(line->dev, LCR, 0xbf);
	assert_int_not_equal(peek(line->dev, IIR), 0);
	/* No 64-byte FIFO (16750). */
	poke(line->dev, FCR, FCR_ON | 0x20);
	assert_int_equal(peek(line->dev, IIR) & 0x20, 0);
	poke(line->dev, LCR, 0);
	/* No unit enable bit (XScale). */
	poke(line->dev, IER, 0x40);
	assert_int_equal(peek(line->dev, IER), 0);
}

static void serial_divisor_latch_hides_data_and_ier(void **state)
{
	struct line *line = *state;

	poke(line->dev, IER, IER_RDI);
	poke(line->dev, LCR, 0x83);
	poke(line->dev, DATA, 0x34);
	poke(line->dev, IER, 0x12);
	assert_int_equal(peek(line->dev, DATA), 0x34);
	assert_int_equal(peek(line->dev, IER), 0x12);
	poke(line->dev, LCR, 0x03);
	assert_int_equal(peek(line->dev, IER), IER_RDI);
	assert_int_equal(line->output_len, 0);
}

static void serial_thre_interrupt_follows_the_data_sheet(void **state)
{
	struct line *line = *state;

	poke(line->dev, DATA, 'x');
	assert_false(line->irq.level);
	poke(line->dev, IER, IER_THRI);
	assert_true(line->irq.level);
	assert_int_equal(peek(line->dev, IIR), 0x02);
	assert_false(line->irq.level);
	assert_int_equal(peek(line->dev, IIR), 0x01);
	/* Writing the same bit again is no edge. */
	poke(line->dev, IER, IER_THRI);
	assert_false(line->irq.level);
	poke(line->dev, DATA, 'y');
	assert_true(line->irq.level);
	assert_int_equal(line->irq.rises, 2);
	poke(line->dev, IER, 0);
	assert_false(line->irq.level);
	poke(line->dev, IER, IER_THRI);
	assert_true(line->irq.level);
}

static void serial_receives_up_to_its_fifo_and_asks_for_more(void **state)
{
	struct line *line = *state;
	const char *text = "0123456789abcdefgh";

	poke(line->dev, FCR, FCR_ON | FCR_CLEAR);
	poke(line->dev, IER, IER_RDI);
	assert_int_equal(serial_receive(line->dev, text, 18), 16);
	assert_int_equal(serial_receive(line->dev, text + 16, 2), 0);
	assert_true(line->irq.level);
	line->resumes = 0;
	for (int i = 0; i < 16; i++) {
		assert_int_equal(peek(line->dev, LSR) & (LSR_DR | LSR_OE), LSR_DR);
		assert_int_equal(peek(line->dev, DATA), text[i]);
	}
	assert_true(line->resumes > 0);
	assert_false(line->irq.level);
	assert_int_equal(peek(line->dev, LSR) & LSR_DR, 0);
	assert_int_equal(serial_receive(line->dev, text + 16, 2), 2);
	assert_int_equal(peek(line->dev, DATA), 'g');
	assert_int_equal(peek(line->dev, DATA), 'h');
	assert_int_equal(peek(line->dev, DATA), 0);
}

static void serial_reports_trigger_level_and_timeout(void **state)
{
	struct line *line = *state;

	poke(line->dev, FCR, FCR_ON | 0x40); /* 4 bytes */
	poke(line->dev, IER, IER_RDI);
	assert_int_equal(serial_receive(line->dev, "abc", 3), 3);
	assert_int_equal(peek(line->dev, IIR), 0xcc);
	assert_int_equal(serial_receive(line->dev, "d", 1), 1);
	assert_int_equal(peek(line->dev, IIR), 0xc4);
}

static void serial_without_fifo_holds_one_byte(void **state)
{
	struct line *line = *state;

	poke(line->dev, IER, IER_RDI);
	assert_int_equal(serial_receive(line->dev, "ab", 2), 1);
	assert_int_equal(peek(line->dev, IIR), 0x04);
	assert_int_equal(peek(line->dev, DATA), 'a');
}

static void serial_takes_no_input_before_the_guest_listens(void **state)
{
	struct line *line = *state;

	poke(line->dev, FCR, FCR_ON | FCR_CLEAR);
	assert_int_equal(serial_receive(line->dev, "a", 1), 0);
	/* A driver that prints reads LSR once for each byte: that is not listening. */
	for (int i = 0; i < 20; i++) {
		(void)peek(line->dev, LSR);
		poke(line->dev, DATA, '.');
	}
	assert_int_equal(serial_receive(line->dev, "a", 1), 0);
	/* One that polls is. */
	line->resumes = 0;
	for (int i = 0; i < 20; i++)
		(void)peek(line->dev, LSR);
	assert_int_equal(line->resumes, 1);
	assert_int_equal(serial_receive(line->dev, "a", 1), 1);
	line->dev->ops->reset(line->dev);
	assert_int_equal(serial_receive(line->dev, "a", 1), 0);
	poke(line->dev, IER, IER_RDI);
	assert_int_equal(line->resumes, 2);
}

static void serial_loopback_overruns_and_keeps_the_host_out(void **state)
{
	struct line *line = *state;

	poke(line->dev, FCR, FCR_ON | FCR_CLEAR);
	poke(line->dev, IER, IER_RLSI | IER_RDI);
	poke(line->dev, MCR, MCR_LOOP);
	assert_int_equal(serial_receive(line->dev, "a", 1), 0);
	for (int i = 0; i < 17; i++)
		poke(line->dev, DATA, (uint8_t)('A' + i));
	assert_int_equal(line->output_len, 0);
	assert_int_equal(peek(line->dev, IIR), 0xc6);
	assert_int_equal(peek(line->dev, LSR) & (LSR_DR | LSR_OE), LSR_DR | LSR_OE);
	assert_int_equal(peek(line->dev, LSR) & (LSR_DR | LSR_OE), LSR_DR);
	for (int i = 0; i < 16; i++)
		assert_int_equal(peek(line->dev, DATA), 'A' + i);
	line->resumes = 0;
	poke(line->dev, MCR, 0);
	assert_int_equal(line->resumes, 1);
	assert_int_equal(serial_receive(line->dev, "a", 1), 1);
}

static void serial_modem_status_shows_changes_once(void **state)
{
	struct line *line = *state;

	assert_int_equal(peek(line->dev, MSR), 0xb0);
	poke(line->dev, IER, IER_MSI);
	poke(line->dev, MCR, MCR_LOOP | 0x04); /* all lines down, RI up */
	assert_true(line->irq.level);
	assert_int_equal(peek(line->dev, IIR), 0x00);
	assert_int_equal(peek(line->dev, MSR), 0x4b);
	assert_false(line->irq.level);
	poke(line->dev, MCR, MCR_LOOP); /* RI's trailing edge */
	assert_int_equal(peek(line->dev, MSR), 0x04);
	assert_int_equal(peek(line->dev, MSR), 0x00);
}

static void serial_wide_accesses_are_bytes_to_consecutive_ports(void **state)
{
	struct line *line = *state;
	const uint8_t divisor[2] = { 0x78, 0x56 };

	poke(line->dev, LCR, 0x80);
	line->dev->ops->write(line->dev, DATA, divisor, 2);
	assert_int_equal(peek(line->dev, DATA), 0x78);
	assert_int_equal(peek(line->dev, IER), 0x56);
	assert_true(reads_as_ones(line->dev, 8, 8));
	assert_true(reads_as_ones(line->dev, UINT64_MAX, 2));
}

static void serial_survives_nonsense_and_resets(void **state)
{
	struct line *line = *state;

	poke(line->dev, LCR, 0x80); /* keeps the bytes out of the output */
	for (unsigned len = 1; len <= 8; len *= 2)
		line->dev->ops->write(line->dev, 7, "\xff\xff\xff\xff\xff\xff\xff\xff", len);
	poke(line->dev, LCR, 0);
	poke(line->dev, MCR, MCR_LOOP);
	poke(line->dev, IER, 0x0f);
	poke(line->dev, DATA, 'x');
	assert_true(line->irq.level);
	line->dev->ops->reset(line->dev);
	assert_false(line->irq.level);
	assert_int_equal(peek(line->dev, IIR), 0x01);
	assert_int_equal(peek(line->dev, LSR), 0x60);
	assert_int_equal(peek(line->dev, MSR), 0xb0);
	assert_int_equal(peek(line->dev, SCR), 0);
}

#define LINE_TEST(fn) cmocka_unit_test_setup_teardown(fn, line_setup, line_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LINE_TEST(serial_writes_reach_the_backend_at_once),
		LINE_TEST(serial_two_instances_share_nothing),
		LINE_TEST(serial_probes_as_16550a),
		LINE_TEST(serial_divisor_latch_hides_data_and_ier),
		LINE_TEST(serial_thre_interrupt_follows_the_data_sheet),
		LINE_TEST(serial_receives_up_to_its_fifo_and_asks_for_more),
		LINE_TEST(serial_reports_trigger_level_and_timeout),
		LINE_TEST(serial_without_fifo_holds_one_byte),
		LINE_TEST(serial_takes_no_input_before_the_guest_listens),
		LINE_TEST(serial_loopback_overruns_and_keeps_the_host_out),
		LINE_TEST(serial_modem_status_shows_changes_once),
		LINE_TEST(serial_wide_accesses_are_bytes_to_consecutive_ports),
		LINE_TEST(serial_survives_nonsense_and_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
