/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock.  vCPU threads come in through the device operations, the loop's thread
 * through rtc_expire(); one mutex serves both.  Owns nothing but itself.
 *
 * No timer ticks while the guest just reads the time: time bytes and flags are computed when they
 * are looked at.  The injected timer is armed only for interrupts that the guest enabled and whose
 * flag it has cleared, so a guest gets no more timers than it reads register C.
 */
#include "devices/legacy/rtc.h"
#include "base/cleanup.h"
#include "devices/legacy/byte_port.h"
#include "devices/legacy/rtc_time.h"
#include "trace/trace.h"

enum {
	PORT_INDEX,
	PORT_DATA,
};

#define REG_A                    0x0a
#define REG_B                    0x0b
#define REG_C                    0x0c
#define REG_D                    0x0d

/* Memory sizes: KiB below 640 KiB, KiB from 1 MiB, 64 KiB blocks from 16 MiB and from 4 GiB. */
#define REG_BASE_MEMORY          0x15
#define REG_EXTENDED_MEMORY      0x17
#define REG_EXTENDED_MEMORY_POST 0x30
#define REG_MEMORY_ABOVE_16M     0x34
#define REG_MEMORY_ABOVE_4G      0x5b

#define A_UIP                    0x80
#define A_DIVIDER_RESET          0x60 /* the two top bits of the divider: it is held in reset */
#define A_DIVIDER_32KHZ          0x20
#define A_RATE                   0x0f
#define A_RATE_1024HZ            0x06

#define B_SET                    0x80
#define B_SQWE                   0x08
#define B_UIE                    0x10
#define B_INTERRUPTS             0x70 /* PIE, AIE, UIE: at the places of the flags in C */

#define C_IRQF                   0x80
#define C_PF                     0x40
#define C_AF                     0x20
#define C_UF                     0x10

#define D_VALID                  0x80

/* UIP is set this long before the second changes (t_BUC), so who sees it clear has as long. */
#define UIP_NS                   244000

/* After the divider is released the first second is half a second long. */
#define DIVIDER_PHASE_NS         (RTC_NS_PER_S / 2)

struct rtc {
	struct device dev;
	struct rtc_config config; /* immutable */
	pthread_mutex_t lock;     /* protects what follows; outside the timer's lock */
	uint8_t index;
	uint8_t a, b;
	uint8_t flags;              /* of register C, until it is read */
	bool irq_level;             /* what the line was last set to */
	int64_t offset_ns;          /* this clock minus the host's */
	int64_t stopped_ns;         /* this clock while the divider is in reset */
	int64_t flags_ns;           /* this clock when the flags were last brought up to date */
	int64_t armed_ns;           /* the timer's deadline, in the host's time */
	uint8_t cmos[RTC_NR_BYTES]; /* the time bytes count while SET holds them, else stale */
};

static const struct device_register rtc_registers[] = {
	{ PORT_INDEX, "w", "CMOS index" },
	{ PORT_DATA, "rw", "CMOS data" },
	{ 0, NULL, NULL },
};

static struct rtc *to_rtc(struct device *dev)
{
	return container_of(dev, struct rtc, dev);
}

static bool is_time_byte(unsigned reg)
{
	switch (reg) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_DAY_OF_WEEK:
	case RTC_DAY_OF_MONTH:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY: return true;
	default: return false;
	}
}

static bool divider_is_reset(const struct rtc *rtc)
{
	return (rtc->a & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

/* True while no second passes for the guest. */
static bool rtc_is_held(const struct rtc *rtc)
{
	return (rtc->b & B_SET) || divider_is_reset(rtc);
}

static int64_t rtc_host_now(const struct rtc *rtc)
{
	return rtc->config.clock.now_ns(rtc->config.clock.ctx);
}

static int64_t rtc_now(const struct rtc *rtc)
{
	return divider_is_reset(rtc) ? rtc->stopped_ns : rtc_host_now(rtc) + rtc->offset_ns;
}

static void rtc_set_now(struct rtc *rtc, int64_t now)
{
	rtc->offset_ns = now - rtc_host_now(rtc);
	rtc->stopped_ns = now;
	rtc->flags_ns = now;
}

/* The periodic interrupt's interval (table 5, 32.768 kHz time base), 0 for none. */
static int64_t rtc_period_ns(const struct rtc *rtc)
{
	unsigned rate = rtc->a & A_RATE;

	if (rate == 0)
		return 0;
	if (rate <= 2)
		rate += 7; /* the two slow rates that would be too fast for this time base */
	return (RTC_NS_PER_S << (rate - 1)) / 32768;
}

static int64_t next_multiple(int64_t after, int64_t step)
{
	return (rtc_floor_div(after, step) + 1) * step;
}

/* The moment of this clock when @flag is next set after @after, or INT64_MAX. */
static int64_t rtc_next_event(const struct rtc *rtc, uint8_t flag, int64_t after)
{
	int64_t period = rtc_period_ns(rtc);

	if (flag == C_PF)
		return period && !divider_is_reset(rtc) ? next_multiple(after, period) : INT64_MAX;
	if (rtc_is_held(rtc))
		return INT64_MAX;
	if (flag == C_UF)
		return next_multiple(after, RTC_NS_PER_S);
	return rtc_time_next_alarm(after, rtc->b, rtc->cmos);
}

static const uint8_t rtc_flags[] = { C_PF, C_AF, C_UF };

/* Sets the flags of what happened since the last call. */
static void rtc_update_flags(struct rtc *rtc)
{
	int64_t now = rtc_now(rtc);

	for (unsigned i = 0; i < ARRAY_SIZE(rtc_flags); i++) {
		if (rtc_next_event(rtc, rtc_flags[i], rtc->flags_ns) <= now)
			rtc->flags |= rtc_flags[i];
	}
	rtc->flags_ns = now;
}

static void rtc_update_irq(struct rtc *rtc)
{
	bool level = rtc->flags & rtc->b & B_INTERRUPTS;

	if (level == rtc->irq_level)
		return;
	rtc->irq_level = level;
	trace_irq_line(rtc->dev.name, level);
	irq_line_set(&rtc->config.irq, level);
}

static void rtc_arm(struct rtc *rtc)
{
	int64_t deadline = DEVICE_TIMER_NEVER;

	for (unsigned i = 0; i < ARRAY_SIZE(rtc_flags); i++) {
		if ((rtc->b & rtc_flags[i]) && !(rtc->flags & rtc_flags[i]))
			deadline = MIN(deadline, rtc_next_event(rtc, rtc_flags[i], rtc->flags_ns));
	}
	if (deadline != DEVICE_TIMER_NEVER)
		deadline -= rtc->offset_ns;
	if (deadline == rtc->armed_ns)
		return;
	rtc->armed_ns = deadline;
	if (rtc->config.timer.arm)
		rtc->config.timer.arm(rtc->config.timer.ctx, deadline);
}

static bool rtc_update_in_progress(const struct rtc *rtc)
{
	int64_t now = rtc_now(rtc);

	return !rtc_is_held(rtc) && next_multiple(now, RTC_NS_PER_S) - now <= UIP_NS;
}

/*
 * The seconds come from the bytes, the fraction goes on as it was.  Bytes that are no date leave
 * the clock as it was.
 */
static void rtc_load_time(struct rtc *rtc)
{
	int64_t now = rtc_now(rtc), seconds;

	if (rtc_time_decode(rtc->cmos, rtc->b, &seconds) == 0)
		rtc_set_now(rtc, seconds + (now - rtc_floor_div(now, RTC_NS_PER_S) * RTC_NS_PER_S));
}

static void rtc_write_a(struct rtc *rtc, uint8_t value)
{
	int64_t now = rtc_now(rtc);
	bool was_reset = divider_is_reset(rtc);

	rtc->a = value & (uint8_t)~A_UIP;
	if (divider_is_reset(rtc) && !was_reset)
		rtc->stopped_ns = now;
	else if (!divider_is_reset(rtc) && was_reset)
		rtc_set_now(rtc,
			    rtc_floor_div(now, RTC_NS_PER_S) * RTC_NS_PER_S + DIVIDER_PHASE_NS);
}

static void rtc_write_b(struct rtc *rtc, uint8_t value)
{
	bool was_set = rtc->b & B_SET;

	if ((value & B_SET) && !was_set)
		rtc_time_encode(rtc_now(rtc), value, rtc->cmos);
	rtc->b = value;
	if (value & B_SET)
		rtc->b &= (uint8_t)~B_UIE; /* setting it clears UIE */
	else if (was_set)
		rtc_load_time(rtc);
}

static void rtc_write_byte(struct rtc *rtc, uint8_t value)
{
	rtc_update_flags(rtc);
	switch (rtc->index) {
	case REG_A: rtc_write_a(rtc, value); break;
	case REG_B: rtc_write_b(rtc, value); break;
	case REG_C:
	case REG_D: return; /* read-only */
	default:
		if (!is_time_byte(rtc->index) || (rtc->b & B_SET)) {
			rtc->cmos[rtc->index] = value;
		} else {
			rtc_time_encode(rtc_now(rtc), rtc->b, rtc->cmos);
			rtc->cmos[rtc->index] = value;
			rtc_load_time(rtc);
		}
		break;
	}
	rtc_update_irq(rtc);
	rtc_arm(rtc);
}

static uint8_t rtc_read_flags(struct rtc *rtc)
{
	uint8_t value;

	rtc_update_flags(rtc);
	value = rtc->flags;
	if (value & rtc->b & B_INTERRUPTS)
		value |= C_IRQF;
	rtc->flags = 0;
	rtc_update_irq(rtc);
	rtc_arm(rtc);
	return value;
}

static uint8_t rtc_read_byte(struct rtc *rtc)
{
	switch (rtc->index) {
	case REG_A: return rtc->a | (rtc_update_in_progress(rtc) ? A_UIP : 0);
	case REG_B: return rtc->b;
	case REG_C: return rtc_read_flags(rtc);
	case REG_D: return D_VALID;
	default:
		if (is_time_byte(rtc->index) && !(rtc->b & B_SET))
			rtc_time_encode(rtc_now(rtc), rtc->b, rtc->cmos);
		return rtc->cmos[rtc->index];
	}
}

static uint8_t rtc_read_port(void *ctx, unsigned port)
{
	struct rtc *rtc = ctx;
	uint8_t value;

	if (port != PORT_DATA)
		return 0xff; /* the index can't be read back */
	value = rtc_read_byte(rtc);
	trace_rtc_access(rtc->dev.name, rtc->index, false, value);
	return value;
}

static void rtc_write_port(void *ctx, unsigned port, uint8_t value)
{
	struct rtc *rtc = ctx;

	if (port == PORT_INDEX) {
		rtc->index = value & (RTC_NR_BYTES - 1); /* bit 7 masks NMIs, which never come */
		return;
	}
	trace_rtc_access(rtc->dev.name, rtc->index, true, value);
	rtc_write_byte(rtc, value);
}

static void rtc_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct rtc *rtc = to_rtc(dev);
	SCOPED_LOCK(&rtc->lock);

	byte_port_read(off, buf, len, RTC_NR_PORTS, rtc_read_port, rtc);
}

static void rtc_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct rtc *rtc = to_rtc(dev);
	SCOPED_LOCK(&rtc->lock);

	byte_port_write(off, buf, len, RTC_NR_PORTS, rtc_write_port, rtc);
}

/* The battery keeps time, modes and memory; what the RESET pin clears is interrupts (page 14). */
static void rtc_reset(struct device *dev)
{
	struct rtc *rtc = to_rtc(dev);
	SCOPED_LOCK(&rtc->lock);

	rtc->index = REG_D;
	rtc->b &= (uint8_t) ~(B_INTERRUPTS | B_SQWE);
	rtc->flags = 0;
	rtc->flags_ns = rtc_now(rtc);
	rtc_update_irq(rtc);
	rtc_arm(rtc);
}

static void rtc_destroy(struct device *dev)
{
	struct rtc *rtc;

	if (!dev)
		return;
	rtc = to_rtc(dev);
	(void)pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}

static const struct device_ops rtc_ops = {
	.read = rtc_read,
	.write = rtc_write,
	.reset = rtc_reset,
	.destroy = rtc_destroy,
};

static void cmos_put(struct rtc *rtc, unsigned reg, unsigned nr_bytes, uint64_t value)
{
	uint64_t max = (1ull << (8 * nr_bytes)) - 1;

	value = MIN(value, max);
	for (unsigned i = 0; i < nr_bytes; i++)
		rtc->cmos[reg + i] = (uint8_t)(value >> (8 * i));
}

static void cmos_put_memory(struct rtc *rtc, uint64_t below_4g, uint64_t above_4g)
{
	uint64_t from_1m = below_4g > MIB(1) ? below_4g - MIB(1) : 0;
	uint64_t from_16m = below_4g > MIB(16) ? below_4g - MIB(16) : 0;

	cmos_put(rtc, REG_BASE_MEMORY, 2, MIN(below_4g / KIB(1), 640));
	cmos_put(rtc, REG_EXTENDED_MEMORY, 2, from_1m / KIB(1));
	cmos_put(rtc, REG_EXTENDED_MEMORY_POST, 2, from_1m / KIB(1));
	cmos_put(rtc, REG_MEMORY_ABOVE_16M, 2, from_16m / KIB(64));
	cmos_put(rtc, REG_MEMORY_ABOVE_4G, 3, above_4g / KIB(64));
}

int rtc_create(const struct rtc_config *config, struct device **ret_dev)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));

	if (!rtc)
		return -ENOMEM;
	rtc->dev.ops = &rtc_ops;
	rtc->dev.registers = rtc_registers;
	rtc->dev.name = config->name;
	rtc->config = *config;
	rtc->a = A_DIVIDER_32KHZ | A_RATE_1024HZ;
	rtc->b = RTC_B_24H;
	rtc->armed_ns = DEVICE_TIMER_NEVER;
	cmos_put_memory(rtc, config->memory_below_4g, config->memory_above_4g);
	(void)pthread_mutex_init(&rtc->lock, NULL);
	rtc_reset(&rtc->dev);
	*ret_dev = &rtc->dev;
	return 0;
}

void rtc_expire(struct device *dev)
{
	struct rtc *rtc = to_rtc(dev);
	SCOPED_LOCK(&rtc->lock);

	rtc->armed_ns = DEVICE_TIMER_NEVER;
	rtc_update_flags(rtc);
	rtc_update_irq(rtc);
	rtc_arm(rtc);
}
