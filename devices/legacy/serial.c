/* SPDX-License-Identifier: MIT */
/*
 * The 16550A UART.  vCPU threads come in through the device operations, the loop's thread through
 * serial_receive(); one mutex serves both.  Owns nothing but itself.
 */
#include <string.h>

#include "base/cleanup.h"
#include "devices/legacy/byte_port.h"
#include "devices/legacy/serial.h"
#include "trace/trace.h"

/* Register offsets (8.0, table II). */
enum {
	REG_DATA, /* RBR, THR; DLL with DLAB */
	REG_IER,  /* DLM with DLAB */
	REG_IIR,  /* FCR when written */
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
};

/* Interrupt enable (8.6). */
#define IER_RDI        0x01 /* received data available, and character time-out */
#define IER_THRI       0x02 /* transmitter holding register empty */
#define IER_RLSI       0x04 /* receiver line status */
#define IER_MSI        0x08 /* modem status */
#define IER_MASK       0x0f

/* Interrupt identification, highest priority first (8.5). */
#define IIR_RLS        0x06
#define IIR_RDA        0x04
#define IIR_TIMEOUT    0x0c
#define IIR_THRE       0x02
#define IIR_MSI        0x00
#define IIR_NONE       0x01
#define IIR_FIFOS      0xc0

/* FIFO control (8.4). */
#define FCR_ENABLE     0x01
#define FCR_RESET_RX   0x02
#define FCR_TRIGGER(x) ((x) >> 6)

#define LCR_DLAB       0x80 /* 8.1 */

/* Modem control (8.7). */
#define MCR_DTR        0x01
#define MCR_RTS        0x02
#define MCR_OUT1       0x04
#define MCR_OUT2       0x08
#define MCR_LOOP       0x10
#define MCR_MASK       0x1f

/* Line status (8.3). */
#define LSR_DR         0x01
#define LSR_OE         0x02
#define LSR_THRE       0x20
#define LSR_TEMT       0x40

/* Modem status (8.8): the lines in the high half, their changes in the low half. */
#define MSR_TERI       0x04
#define MSR_DELTAS     0x0b /* DCTS, DDSR, DDCD */
#define MSR_CTS        0x10
#define MSR_DSR        0x20
#define MSR_RI         0x40
#define MSR_DCD        0x80

/*
 * The transmitter is always empty, so a guest that reads the line status this often in a row,
 * touching nothing else, is waiting for input.
 */
#define LSR_POLLS      8

struct serial {
	struct device dev;
	struct irq_line irq;         /* immutable */
	struct char_backend backend; /* immutable */
	pthread_mutex_t lock;        /* protects what follows; outside the backend's locks */
	uint8_t ier, lcr, mcr, scr, dll, dlm;
	bool fifo_enabled;
	uint8_t rx_trigger;   /* bytes */
	uint8_t lsr_errors;   /* until LSR is read */
	uint8_t msr_deltas;   /* until MSR is read */
	bool thre_pending;    /* until IIR reports it */
	bool irq_level;       /* what the line was last set to */
	bool listening;       /* the guest takes input; see serial_receive() */
	unsigned lsr_polls;   /* reads of LSR in a row */
	unsigned head, count; /* of the receive FIFO */
	uint8_t fifo[SERIAL_FIFO_SIZE];
};

/*
 * With DLAB set, the first two registers are the divisor latch: what a register is called depends
 * on more than its offset.
 */
static const struct device_register serial_registers[] = {
	{ REG_DATA, "r", "RBR/DLL" },
	{ REG_DATA, "w", "THR/DLL" },
	{ REG_IER, "rw", "IER/DLM" },
	{ REG_IIR, "r", "IIR" },
	{ REG_IIR, "w", "FCR" },
	{ REG_LCR, "rw", "LCR" },
	{ REG_MCR, "rw", "MCR" },
	{ REG_LSR, "rw", "LSR" },
	{ REG_MSR, "rw", "MSR" },
	{ REG_SCR, "rw", "SCR" },
	{ 0, NULL, NULL },
};

static struct serial *to_serial(struct device *dev)
{
	return container_of(dev, struct serial, dev);
}

static unsigned fifo_capacity(const struct serial *serial)
{
	return serial->fifo_enabled ? SERIAL_FIFO_SIZE : 1;
}

/* The interrupt of highest priority that is enabled and pending. */
static uint8_t serial_iir(const struct serial *serial)
{
	if ((serial->ier & IER_RLSI) && serial->lsr_errors)
		return IIR_RLS;
	/*
	 * Fewer bytes than the trigger level wait for a time-out on a real line; here it is over at
	 * once.
	 */
	if ((serial->ier & IER_RDI) && serial->count)
		return serial->count >= serial->rx_trigger ? IIR_RDA : IIR_TIMEOUT;
	if ((serial->ier & IER_THRI) && serial->thre_pending)
		return IIR_THRE;
	if ((serial->ier & IER_MSI) && serial->msr_deltas)
		return IIR_MSI;
	return IIR_NONE;
}

/*
 * On PCs, OUT2 gates the line.  It does not here: small kernels get by without setting it on other
 * emulators, and Linux sets it.
 */
static void serial_update_irq(struct serial *serial)
{
	bool level = serial_iir(serial) != IIR_NONE;

	if (level == serial->irq_level)
		return;
	serial->irq_level = level;
	trace_irq_line(serial->dev.name, level);
	irq_line_set(&serial->irq, level);
}

static bool serial_can_receive(const struct serial *serial)
{
	return serial->listening && !(serial->mcr & MCR_LOOP) &&
	       serial->count < fifo_capacity(serial);
}

static void serial_resume_input(struct serial *serial)
{
	if (serial_can_receive(serial))
		char_backend_resume(&serial->backend);
}

static void fifo_push(struct serial *serial, uint8_t byte)
{
	if (serial->count < fifo_capacity(serial)) {
		serial->fifo[(serial->head + serial->count++) % SERIAL_FIFO_SIZE] = byte;
		return;
	}
	/* Overrun: without FIFOs the new byte replaces the old one, with FIFOs it is lost (8.3). */
	serial->lsr_errors |= LSR_OE;
	if (!serial->fifo_enabled)
		serial->fifo[serial->head] = byte;
	trace_serial_overrun(serial->dev.name, 1);
}

static uint8_t fifo_pop(struct serial *serial)
{
	uint8_t byte;

	if (serial->count == 0)
		return 0;
	byte = serial->fifo[serial->head];
	serial->head = (serial->head + 1) % SERIAL_FIFO_SIZE;
	serial->count--;
	/* From half full on, so that the host side refills while the guest still reads. */
	if (serial->count <= SERIAL_FIFO_SIZE / 2)
		serial_resume_input(serial);
	return byte;
}

static void fifo_clear(struct serial *serial)
{
	if (serial->count)
		trace_serial_overrun(serial->dev.name, serial->count);
	serial->head = 0;
	serial->count = 0;
}

/*
 * The modem lines as MSR shows them: a cable to a terminal that is always there, or MCR's own
 * outputs when they are looped back (8.7).
 */
static uint8_t modem_lines(const struct serial *serial)
{
	uint8_t lines = 0;

	if (!(serial->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (serial->mcr & MCR_RTS)
		lines |= MSR_CTS;
	if (serial->mcr & MCR_DTR)
		lines |= MSR_DSR;
	if (serial->mcr & MCR_OUT1)
		lines |= MSR_RI;
	if (serial->mcr & MCR_OUT2)
		lines |= MSR_DCD;
	return lines;
}

static uint8_t serial_read_register(void *ctx, unsigned reg)
{
	struct serial *serial = ctx;
	uint8_t value = 0;

	if (reg != REG_LSR)
		serial->lsr_polls = 0;
	switch (reg) {
	case REG_DATA: value = serial->lcr & LCR_DLAB ? serial->dll : fifo_pop(serial); break;
	case REG_IER: value = serial->lcr & LCR_DLAB ? serial->dlm : serial->ier; break;
	case REG_IIR:
		value = serial_iir(serial);
		if (value == IIR_THRE)
			serial->thre_pending = false;
		if (serial->fifo_enabled)
			value |= IIR_FIFOS;
		break;
	case REG_LCR: value = serial->lcr; break;
	case REG_MCR: value = serial->mcr; break;
	case REG_LSR:
		value = LSR_THRE | LSR_TEMT | serial->lsr_errors;
		if (serial->count)
			value |= LSR_DR;
		serial->lsr_errors = 0;
		if (!serial->listening && ++serial->lsr_polls >= LSR_POLLS) {
			serial->listening = true;
			serial_resume_input(serial);
		}
		break;
	case REG_MSR:
		value = modem_lines(serial) | serial->msr_deltas;
		serial->msr_deltas = 0;
		break;
	case REG_SCR: value = serial->scr; break;
	}
	return value;
}

static void serial_transmit(struct serial *serial, uint8_t byte)
{
	trace_serial_tx(serial->dev.name, byte);
	if (serial->mcr & MCR_LOOP)
		fifo_push(serial, byte);
	else
		char_backend_write(&serial->backend, &byte, 1);
	serial->thre_pending = true;
}

static void serial_write_ier(struct serial *serial, uint8_t value)
{
	/* Enabling it while THR is empty, as it always is, raises the interrupt (8.5). */
	if (!(serial->ier & IER_THRI) && (value & IER_THRI))
		serial->thre_pending = true;
	serial->ier = value & IER_MASK;
	if ((value & IER_RDI) && !serial->listening) {
		serial->listening = true;
		serial_resume_input(serial);
	}
}

static void serial_write_fcr(struct serial *serial, uint8_t value)
{
	static const uint8_t triggers[] = { 1, 4, 8, 14 };
	bool enable = value & FCR_ENABLE;

	if (enable != serial->fifo_enabled || (enable && (value & FCR_RESET_RX)))
		fifo_clear(serial);
	serial->fifo_enabled = enable;
	/* The other bits count only while the FIFOs are enabled. */
	serial->rx_trigger = enable ? triggers[FCR_TRIGGER(value)] : 1;
	serial_resume_input(serial);
}

static void serial_write_mcr(struct serial *serial, uint8_t value)
{
	uint8_t before = modem_lines(serial), after;

	serial->mcr = value & MCR_MASK;
	after = modem_lines(serial);
	serial->msr_deltas |= ((before ^ after) >> 4) & MSR_DELTAS;
	if (before & ~after & MSR_RI)
		serial->msr_deltas |= MSR_TERI;
	serial_resume_input(serial);
}

static void serial_write_register(void *ctx, unsigned reg, uint8_t value)
{
	struct serial *serial = ctx;

	serial->lsr_polls = 0;
	switch (reg) {
	case REG_DATA:
		if (serial->lcr & LCR_DLAB)
			serial->dll = value;
		else
			serial_transmit(serial, value);
		break;
	case REG_IER:
		if (serial->lcr & LCR_DLAB)
			serial->dlm = value;
		else
			serial_write_ier(serial, value);
		break;
	case REG_IIR: serial_write_fcr(serial, value); break;
	case REG_LCR: serial->lcr = value; break;
	case REG_MCR: serial_write_mcr(serial, value); break;
	case REG_SCR: serial->scr = value; break;
	default: break; /* LSR and MSR: factory test only */
	}
}

static void serial_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct serial *serial = to_serial(dev);
	SCOPED_LOCK(&serial->lock);

	byte_port_read(off, buf, len, SERIAL_NR_PORTS, serial_read_register, serial);
	serial_update_irq(serial);
}

static void serial_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct serial *serial = to_serial(dev);
	SCOPED_LOCK(&serial->lock);

	byte_port_write(off, buf, len, SERIAL_NR_PORTS, serial_write_register, serial);
	serial_update_irq(serial);
}

static void serial_reset(struct device *dev)
{
	struct serial *serial = to_serial(dev);
	SCOPED_LOCK(&serial->lock);

	fifo_clear(serial);
	serial->ier = serial->lcr = serial->mcr = serial->scr = 0;
	serial->dll = 12; /* 9600 baud at 1.8432 MHz, for guests that read what firmware left */
	serial->dlm = 0;
	serial->fifo_enabled = false;
	serial->rx_trigger = 1;
	serial->lsr_errors = 0;
	serial->msr_deltas = 0;
	serial->thre_pending = false;
	serial->listening = false;
	serial->lsr_polls = 0;
	serial_update_irq(serial);
}

static void serial_destroy(struct device *dev)
{
	struct serial *serial;

	if (!dev)
		return;
	serial = to_serial(dev);
	(void)pthread_mutex_destroy(&serial->lock);
	free(serial);
}

static const struct device_ops serial_ops = {
	.read = serial_read,
	.write = serial_write,
	.reset = serial_reset,
	.destroy = serial_destroy,
};

int serial_create(const struct serial_config *config, struct device **ret_dev)
{
	struct serial *serial = calloc(1, sizeof(*serial));

	if (!serial)
		return -ENOMEM;
	serial->dev.ops = &serial_ops;
	serial->dev.registers = serial_registers;
	serial->dev.name = config->name;
	serial->irq = config->irq;
	serial->backend = config->backend;
	(void)pthread_mutex_init(&serial->lock, NULL);
	serial_reset(&serial->dev);
	*ret_dev = &serial->dev;
	return 0;
}

size_t serial_receive(struct device *dev, const void *buf, size_t len)
{
	struct serial *serial = to_serial(dev);
	const uint8_t *bytes = buf;
	size_t taken = 0;
	SCOPED_LOCK(&serial->lock);

	while (taken < len && serial_can_receive(serial)) {
		trace_serial_rx(serial->dev.name, bytes[taken]);
		fifo_push(serial, bytes[taken++]);
	}
	serial_update_irq(serial);
	return taken;
}

static size_t receive_adaptor(void *ctx, const void *buf, size_t len)
{
	return serial_receive(ctx, buf, len);
}

struct char_receiver serial_receiver(struct device *dev)
{
	return (struct char_receiver){ .receive = receive_adaptor, .ctx = dev };
}
