/* SPDX-License-Identifier: MIT */
/* ACPI fixed hardware.  Any vCPU thread; owns nothing but itself. */
#include "devices/legacy/pm.h"
#include "base/cleanup.h"
#include "devices/legacy/byte_port.h"
#include "trace/trace.h"

#define NS_PER_S          1000000000ull

/* PM1 status and enable (4.8.3.1.1, 4.8.3.1.2).  The two have their bits at the same places. */
#define PM1_GBL           (1u << 5)
#define PM1_PWRBTN        (1u << 8)
#define PM1_RTC           (1u << 10)
#define PM1_WAK           (1u << 15)
#define PM1_STATUS_MASK   (PM1_GBL | PM1_PWRBTN | PM1_WAK)

/*
 * RTC_EN can be set because Linux's RTC driver insists on it; its status never is, for an alarm
 * wakes nothing here and interrupts through the RTC's own line.
 *
 * TMR_EN can't be set: the interrupt at each change of the timer's top bit, every 10 minutes, has
 * no user, for 32 bits are enough to count between two reads.
 */
#define PM1_ENABLE_MASK   (PM1_GBL | PM1_PWRBTN | PM1_RTC)

/* PM1 control (4.8.3.2.1).  SLP_EN and GBL_RLS read as 0. */
#define PM1_SCI_EN        (1u << 0)
#define PM1_BM_RLD        (1u << 1)
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP       (7u << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN        (1u << 13)

enum pm_action {
	PM_NOTHING,
	PM_OFF,
	PM_RESET,
	PM_SLEEP, /* to a state that the machine doesn't offer */
};

struct pm {
	struct device dev;
	struct pm_config config; /* immutable */
	int64_t start_ns;        /* immutable; the clock when the timer was 0 */
	pthread_mutex_t lock;    /* protects what follows */
	uint16_t status, enable, control;
	bool sci_level; /* what the line was last set to */
};

/* One access, wide or not. */
struct pm_access {
	struct pm *pm;
	uint32_t timer; /* read once, so that a wide read doesn't tear */
	enum pm_action action;
	uint32_t value; /* that caused the action */
};

static const struct device_register pm_registers[] = {
	{ PM_EVENT_OFF, "rw", "PM1_STS" },   { PM_EVENT_OFF + 2, "rw", "PM1_EN" },
	{ PM_CONTROL_OFF, "rw", "PM1_CNT" }, { PM_TIMER_OFF, "r", "PM_TMR" },
	{ PM_RESET_OFF, "rw", "RESET_REG" }, { 0, NULL, NULL },
};

static struct pm *to_pm(struct device *dev)
{
	return container_of(dev, struct pm, dev);
}

static uint32_t pm_timer(const struct pm *pm)
{
	uint64_t ns = (uint64_t)(pm->config.clock.now_ns(pm->config.clock.ctx) - pm->start_ns);

	return (uint32_t)(ns / NS_PER_S * PM_TIMER_HZ + ns % NS_PER_S * PM_TIMER_HZ / NS_PER_S);
}

static void pm_update_sci(struct pm *pm)
{
	bool level = pm->status & pm->enable;

	if (level == pm->sci_level)
		return;
	pm->sci_level = level;
	trace_irq_line(pm->dev.name, level);
	irq_line_set(&pm->config.sci, level);
}

static uint8_t byte_of(uint32_t value, unsigned index)
{
	return (uint8_t)(value >> (8 * index));
}

static uint8_t pm_read_byte(void *ctx, unsigned off)
{
	struct pm_access *access = ctx;
	const struct pm *pm = access->pm;

	switch (off) {
	case PM_EVENT_OFF ... PM_EVENT_OFF + 1: return byte_of(pm->status, off - PM_EVENT_OFF);
	case PM_EVENT_OFF + 2 ... PM_EVENT_OFF + 3:
		return byte_of(pm->enable, off - PM_EVENT_OFF - 2);
	case PM_CONTROL_OFF ... PM_CONTROL_OFF + 1:
		return byte_of(pm->control, off - PM_CONTROL_OFF);
	case PM_TIMER_OFF ... PM_TIMER_OFF + 3: return byte_of(access->timer, off - PM_TIMER_OFF);
	case PM_RESET_OFF: return 0;
	default: return 0xff;
	}
}

/* The high byte of PM1 control has the sleep type and the bit that makes it happen. */
static void pm_write_control_high(struct pm_access *access, uint32_t bits)
{
	struct pm *pm = access->pm;

	pm->control = (uint16_t)((pm->control & ~PM1_SLP_TYP) | (bits & PM1_SLP_TYP));
	if (!(bits & PM1_SLP_EN))
		return;
	access->value = pm->control | PM1_SLP_EN;
	access->action = (bits & PM1_SLP_TYP) >> PM1_SLP_TYP_SHIFT == pm->config.sleep_type_s5
				 ? PM_OFF
				 : PM_SLEEP;
}

static void pm_write_byte(void *ctx, unsigned off, uint8_t value)
{
	struct pm_access *access = ctx;
	struct pm *pm = access->pm;

	switch (off) {
	case PM_EVENT_OFF ... PM_EVENT_OFF + 1: /* a 1 clears the bit */
		pm->status &= (uint16_t) ~((uint32_t)value << (8 * (off - PM_EVENT_OFF)));
		break;
	case PM_EVENT_OFF + 2:
		pm->enable = (pm->enable & 0xff00) | (value & PM1_ENABLE_MASK);
		break;
	case PM_EVENT_OFF + 3:
		pm->enable = (uint16_t)((pm->enable & 0xff) | (value << 8 & PM1_ENABLE_MASK));
		break;
	case PM_CONTROL_OFF:
		pm->control =
			(uint16_t)((pm->control & PM1_SLP_TYP) | PM1_SCI_EN | (value & PM1_BM_RLD));
		break;
	case PM_CONTROL_OFF + 1: pm_write_control_high(access, (uint32_t)value << 8); break;
	case PM_RESET_OFF:
		if (value == pm->config.reset_value) {
			access->action = PM_RESET;
			access->value = value;
		}
		break;
	default: break;
	}
}

static void pm_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct pm *pm = to_pm(dev);
	struct pm_access access = { .pm = pm, .timer = pm_timer(pm) };
	SCOPED_LOCK(&pm->lock);

	byte_port_read(off, buf, len, PM_NR_PORTS, pm_read_byte, &access);
}

static void pm_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	static const char *const names[] = {
		[PM_OFF] = "off",
		[PM_RESET] = "reset",
		[PM_SLEEP] = "sleep",
	};
	struct pm *pm = to_pm(dev);
	struct pm_access access = { .pm = pm };
	const struct power_control *power = &pm->config.power;

	(void)pthread_mutex_lock(&pm->lock);
	byte_port_write(off, buf, len, PM_NR_PORTS, pm_write_byte, &access);
	pm_update_sci(pm);
	(void)pthread_mutex_unlock(&pm->lock);
	if (access.action == PM_NOTHING)
		return;
	trace_power(dev->name, names[access.action], access.value);
	if (power->request && access.action != PM_SLEEP)
		power->request(power->ctx,
			       access.action == PM_OFF ? POWER_REQUEST_OFF : POWER_REQUEST_RESET);
}

static void pm_reset(struct device *dev)
{
	struct pm *pm = to_pm(dev);
	SCOPED_LOCK(&pm->lock);

	pm->status = 0;
	pm->enable = 0;
	pm->control = PM1_SCI_EN;
	pm_update_sci(pm);
}

static void pm_destroy(struct device *dev)
{
	struct pm *pm;

	if (!dev)
		return;
	pm = to_pm(dev);
	(void)pthread_mutex_destroy(&pm->lock);
	free(pm);
}

static const struct device_ops pm_ops = {
	.read = pm_read,
	.write = pm_write,
	.reset = pm_reset,
	.destroy = pm_destroy,
};

int pm_create(const struct pm_config *config, struct device **ret_dev)
{
	struct pm *pm = calloc(1, sizeof(*pm));

	if (!pm)
		return -ENOMEM;
	pm->dev.ops = &pm_ops;
	pm->dev.registers = pm_registers;
	pm->dev.name = config->name;
	pm->config = *config;
	pm->start_ns = config->clock.now_ns(config->clock.ctx);
	(void)pthread_mutex_init(&pm->lock, NULL);
	pm_reset(&pm->dev);
	*ret_dev = &pm->dev;
	return 0;
}

void pm_press_power_button(struct device *dev)
{
	struct pm *pm = to_pm(dev);
	SCOPED_LOCK(&pm->lock);

	pm->status |= PM1_PWRBTN;
	pm_update_sci(pm);
}
