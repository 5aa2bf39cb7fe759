/* SPDX-License-Identifier: MIT */
/* The PS/2 controller without devices.  Any vCPU thread; owns nothing but itself. */
#include "devices/legacy/i8042.h"
#include "base/cleanup.h"
#include "devices/legacy/byte_port.h"
#include "trace/trace.h"

enum {
	REG_DATA = 0,
	REG_STATUS = 4, /* command when written */
};

/* Status.  The input buffer (bit 1) is always empty: a byte is taken in by the write itself. */
#define STATUS_OUTPUT_FULL     0x01
#define STATUS_SELF_TEST_OK    0x04
#define STATUS_COMMAND         0x08 /* the last write was to the command port */
#define STATUS_UNLOCKED        0x10

/* Commands. */
#define CMD_READ_CONFIG        0x20
#define CMD_WRITE_CONFIG       0x60
#define CMD_AUX_DISABLE        0xa7
#define CMD_AUX_ENABLE         0xa8
#define CMD_AUX_TEST           0xa9
#define CMD_SELF_TEST          0xaa
#define CMD_KEYBOARD_TEST      0xab
#define CMD_KEYBOARD_DISABLE   0xad
#define CMD_KEYBOARD_ENABLE    0xae
#define CMD_READ_INPUT_PORT    0xc0
#define CMD_READ_OUTPUT_PORT   0xd0
#define CMD_WRITE_OUTPUT_PORT  0xd1
#define CMD_WRITE_KEYBOARD_OUT 0xd2
#define CMD_WRITE_AUX_OUT      0xd3
#define CMD_WRITE_AUX          0xd4
#define CMD_PULSE              0xf0 /* to 0xff: pulls the lines whose bits are 0 low for 6 us */

#define REPLY_SELF_TEST_OK     0x55
#define REPLY_TEST_OK          0x00
#define REPLY_CLOCK_STUCK_HIGH 0x02

/* Configuration byte. */
#define CONFIG_KEYBOARD_OFF    0x10
#define CONFIG_AUX_OFF         0x20

/* Output port. */
#define OUTPUT_NOT_RESET       0x01
#define OUTPUT_A20             0x02

struct i8042 {
	struct device dev;
	struct power_control power; /* immutable */
	pthread_mutex_t lock;       /* protects what follows */
	uint8_t status, config, output_port, data;
	uint8_t command;     /* whose parameter is awaited, or 0 */
	uint8_t reset_value; /* what the guest wrote to ask for a reset, while it is handled */
	bool reset_asked;
};

static const struct device_register i8042_registers[] = {
	{ REG_DATA, "rw", "data" },
	{ REG_STATUS, "r", "status" },
	{ REG_STATUS, "w", "command" },
	{ 0, NULL, NULL },
};

static struct i8042 *to_i8042(struct device *dev)
{
	return container_of(dev, struct i8042, dev);
}

static void reply(struct i8042 *kbc, uint8_t byte)
{
	kbc->data = byte;
	kbc->status |= STATUS_OUTPUT_FULL;
}

static void drive_output_port(struct i8042 *kbc, uint8_t lines, uint8_t written)
{
	if (!(lines & OUTPUT_NOT_RESET)) {
		kbc->reset_asked = true;
		kbc->reset_value = written;
	}
}

static void write_command(struct i8042 *kbc, uint8_t command)
{
	kbc->status |= STATUS_COMMAND;
	kbc->command = 0;
	switch (command) {
	case CMD_READ_CONFIG: reply(kbc, kbc->config); break;
	case CMD_AUX_DISABLE: kbc->config |= CONFIG_AUX_OFF; break;
	case CMD_AUX_ENABLE: kbc->config &= (uint8_t)~CONFIG_AUX_OFF; break;
	case CMD_AUX_TEST: reply(kbc, REPLY_CLOCK_STUCK_HIGH); break; /* there is no such port */
	case CMD_SELF_TEST:
		kbc->status |= STATUS_SELF_TEST_OK;
		kbc->config |= CONFIG_KEYBOARD_OFF | CONFIG_AUX_OFF;
		reply(kbc, REPLY_SELF_TEST_OK);
		break;
	case CMD_KEYBOARD_TEST: reply(kbc, REPLY_TEST_OK); break;
	case CMD_KEYBOARD_DISABLE: kbc->config |= CONFIG_KEYBOARD_OFF; break;
	case CMD_KEYBOARD_ENABLE: kbc->config &= (uint8_t)~CONFIG_KEYBOARD_OFF; break;
	case CMD_READ_INPUT_PORT: reply(kbc, 0); break;
	case CMD_READ_OUTPUT_PORT: reply(kbc, kbc->output_port); break;
	case CMD_WRITE_CONFIG:
	case CMD_WRITE_OUTPUT_PORT:
	case CMD_WRITE_KEYBOARD_OUT:
	case CMD_WRITE_AUX_OUT:
	case CMD_WRITE_AUX: kbc->command = command; break;
	default:
		if (command >= CMD_PULSE)
			drive_output_port(kbc, command, command);
		break;
	}
}

/* A byte without a command before it is for the keyboard that is not there. */
static void write_data(struct i8042 *kbc, uint8_t value)
{
	kbc->status &= (uint8_t)~STATUS_COMMAND;
	switch (kbc->command) {
	case CMD_WRITE_CONFIG: kbc->config = value; break;
	case CMD_WRITE_OUTPUT_PORT:
		/* A20 is stored only: this machine's address line 20 is always on. */
		kbc->output_port = value | OUTPUT_NOT_RESET;
		drive_output_port(kbc, value, value);
		break;
	case CMD_WRITE_KEYBOARD_OUT:
	case CMD_WRITE_AUX_OUT: /* not marked as from the mouse port: that is missing */
		reply(kbc, value);
		break;
	default: break;
	}
	kbc->command = 0;
}

static uint8_t i8042_read_register(void *ctx, unsigned reg)
{
	struct i8042 *kbc = ctx;

	switch (reg) {
	case REG_DATA: kbc->status &= (uint8_t)~STATUS_OUTPUT_FULL; return kbc->data;
	case REG_STATUS: return kbc->status;
	default: return 0xff;
	}
}

static void i8042_write_register(void *ctx, unsigned reg, uint8_t value)
{
	if (reg == REG_DATA)
		write_data(ctx, value);
	else if (reg == REG_STATUS)
		write_command(ctx, value);
}

static void i8042_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct i8042 *kbc = to_i8042(dev);
	SCOPED_LOCK(&kbc->lock);

	byte_port_read(off, buf, len, I8042_NR_PORTS, i8042_read_register, kbc);
}

static void i8042_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct i8042 *kbc = to_i8042(dev);
	uint8_t value;
	bool reset;

	(void)pthread_mutex_lock(&kbc->lock);
	byte_port_write(off, buf, len, I8042_NR_PORTS, i8042_write_register, kbc);
	reset = kbc->reset_asked;
	value = kbc->reset_value;
	kbc->reset_asked = false;
	(void)pthread_mutex_unlock(&kbc->lock);
	if (!reset)
		return;
	trace_power(dev->name, "reset", value);
	if (kbc->power.request)
		kbc->power.request(kbc->power.ctx, POWER_REQUEST_RESET);
}

static void i8042_reset(struct device *dev)
{
	struct i8042 *kbc = to_i8042(dev);
	SCOPED_LOCK(&kbc->lock);

	kbc->status = STATUS_SELF_TEST_OK | STATUS_UNLOCKED;
	kbc->config = CONFIG_KEYBOARD_OFF | CONFIG_AUX_OFF;
	kbc->output_port = OUTPUT_NOT_RESET | OUTPUT_A20;
	kbc->data = 0;
	kbc->command = 0;
	kbc->reset_asked = false;
}

static void i8042_destroy(struct device *dev)
{
	struct i8042 *kbc;

	if (!dev)
		return;
	kbc = to_i8042(dev);
	(void)pthread_mutex_destroy(&kbc->lock);
	free(kbc);
}

static const struct device_ops i8042_ops = {
	.read = i8042_read,
	.write = i8042_write,
	.reset = i8042_reset,
	.destroy = i8042_destroy,
};

int i8042_create(const char *name, const struct power_control *power, struct device **ret_dev)
{
	struct i8042 *kbc = calloc(1, sizeof(*kbc));

	if (!kbc)
		return -ENOMEM;
	kbc->dev.ops = &i8042_ops;
	kbc->dev.registers = i8042_registers;
	kbc->dev.name = name;
	kbc->power = *power;
	(void)pthread_mutex_init(&kbc->lock, NULL);
	i8042_reset(&kbc->dev);
	*ret_dev = &kbc->dev;
	return 0;
}
