/* SPDX-License-Identifier: MIT */
/* The MSI-X table, its masks and its pending bits.  Any thread; owns the table. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/pci/msix.h"

/* A guest may map tables and pending bits apart from all else: whole pages (6.8.2). */
#define PAGE_SIZE           4096u
#define VECTOR_CTRL_MASKBIT PCI_MSIX_ENTRY_CTRL_MASKBIT

struct msix_vector {
	struct msi_message message;
	bool masked;  /* Vector Control */
	bool pending; /* notified while it could not be delivered */
	bool told;    /* the sender knows it as deliverable, as told_message */
	struct msi_message told_message;
};

struct msix {
	struct device dev; /* what is behind the base address register */
	struct pci_function *fn;
	struct msi_sender sender; /* immutable, as what stands before the lock */
	unsigned capability;      /* offset of it in the configuration space */
	unsigned nr_vectors;
	uint64_t pba_off;
	pthread_mutex_t lock; /* protects what follows */
	bool enabled, masked; /* Message Control */
	struct msix_vector vectors[];
};

static struct msix *to_msix(struct device *dev)
{
	return container_of(dev, struct msix, dev);
}

static bool same_message(const struct msi_message *a, const struct msi_message *b)
{
	return a->address == b->address && a->data == b->data;
}

/* After any change of a mask or a message: tell the sender, then send what waited. */
static void update_vector_locked(struct msix *msix, unsigned index)
{
	struct msix_vector *vector = &msix->vectors[index];
	bool deliverable = msix->enabled && !msix->masked && !vector->masked;
	const struct msi_sender *sender = &msix->sender;

	if (deliverable &&
	    (!vector->told || !same_message(&vector->told_message, &vector->message))) {
		vector->told_message = vector->message;
		if (sender->vector_changed)
			sender->vector_changed(sender->ctx, index, &vector->told_message);
	} else if (!deliverable && vector->told) {
		if (sender->vector_changed)
			sender->vector_changed(sender->ctx, index, NULL);
	}
	vector->told = deliverable;
	if (deliverable && vector->pending) {
		vector->pending = false;
		sender->send(sender->ctx, index, &vector->message);
	}
}

static bool is_pending_locked(const struct msix *msix, unsigned index)
{
	const struct msi_sender *sender = &msix->sender;
	const struct msix_vector *vector = &msix->vectors[index];

	return vector->pending ||
	       (!vector->told && sender->is_pending && sender->is_pending(sender->ctx, index));
}

static uint32_t get_table_dword(const struct msix *msix, uint64_t off)
{
	const struct msix_vector *vector = &msix->vectors[off / PCI_MSIX_ENTRY_SIZE];

	switch (off % PCI_MSIX_ENTRY_SIZE) {
	case PCI_MSIX_ENTRY_LOWER_ADDR: return (uint32_t)vector->message.address;
	case PCI_MSIX_ENTRY_UPPER_ADDR: return (uint32_t)(vector->message.address >> 32);
	case PCI_MSIX_ENTRY_DATA: return vector->message.data;
	default: return vector->masked ? VECTOR_CTRL_MASKBIT : 0;
	}
}

static void set_table_dword(struct msix *msix, uint64_t off, uint32_t value)
{
	struct msix_vector *vector = &msix->vectors[off / PCI_MSIX_ENTRY_SIZE];
	uint64_t address = vector->message.address;

	switch (off % PCI_MSIX_ENTRY_SIZE) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		/* Message addresses are of whole double words. */
		vector->message.address = (address & ~0xffffffffull) | (value & ~3u);
		break;
	case PCI_MSIX_ENTRY_UPPER_ADDR:
		vector->message.address = (address & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case PCI_MSIX_ENTRY_DATA: vector->message.data = value; break;
	default: vector->masked = value & VECTOR_CTRL_MASKBIT; break;
	}
}

static uint32_t get_pba_dword(const struct msix *msix, uint64_t off)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < 32 && off * 8 + i < msix->nr_vectors; i++)
		bits |= (uint32_t)is_pending_locked(msix, (unsigned)(off * 8 + i)) << i;
	return bits;
}

/* What is in the double word at @off, which is a multiple of 4; 0 where nothing is. */
static uint32_t get_dword(const struct msix *msix, uint64_t off)
{
	if (off < (uint64_t)msix->nr_vectors * PCI_MSIX_ENTRY_SIZE)
		return get_table_dword(msix, off);
	if (off >= msix->pba_off && (off - msix->pba_off) * 8 < msix->nr_vectors)
		return get_pba_dword(msix, off - msix->pba_off);
	return 0;
}

static void msix_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct msix *msix = to_msix(dev);
	uint8_t *bytes = buf;
	uint32_t dword = 0;
	SCOPED_LOCK(&msix->lock);

	for (unsigned i = 0; i < len; i++) {
		unsigned byte = (unsigned)((off + i) % 4);

		if (i == 0 || byte == 0)
			dword = get_dword(msix, off + i - byte);
		bytes[i] = (uint8_t)(dword >> (8 * byte));
	}
}

/* 6.8.2: only whole double words and whole pairs of them may be written; others are lost. */
static void msix_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct msix *msix = to_msix(dev);
	uint64_t table_size = (uint64_t)msix->nr_vectors * PCI_MSIX_ENTRY_SIZE;
	SCOPED_LOCK(&msix->lock);

	if ((len != 4 && len != 8) || off % len || !range_within(off, len, 0, table_size))
		return;
	for (unsigned i = 0; i < len; i += 4) {
		uint32_t value;

		memcpy(&value, (const uint8_t *)buf + i, sizeof(value));
		set_table_dword(msix, off + i, value);
	}
	update_vector_locked(msix, (unsigned)(off / PCI_MSIX_ENTRY_SIZE));
}

/* Message Control changed; under the host bridge's lock. */
static void control_written(void *ctx, uint64_t off, unsigned len)
{
	struct msix *msix = ctx;
	uint64_t control = pci_config_get(&msix->fn->config, msix->capability + PCI_MSIX_FLAGS, 2);
	SCOPED_LOCK(&msix->lock);

	(void)off;
	(void)len;
	msix->enabled = control & PCI_MSIX_FLAGS_ENABLE;
	msix->masked = control & PCI_MSIX_FLAGS_MASKALL;
	for (unsigned i = 0; i < msix->nr_vectors; i++)
		update_vector_locked(msix, i);
}

static void msix_reset(struct device *dev)
{
	struct msix *msix = to_msix(dev);
	SCOPED_LOCK(&msix->lock);

	msix->enabled = false;
	msix->masked = false;
	for (unsigned i = 0; i < msix->nr_vectors; i++) {
		struct msix_vector *vector = &msix->vectors[i];

		update_vector_locked(msix, i);
		*vector = (struct msix_vector){ .masked = true };
	}
}

static void msix_dev_destroy(struct device *dev)
{
	struct msix *msix;

	if (!dev)
		return;
	msix = to_msix(dev);
	(void)pthread_mutex_destroy(&msix->lock);
	free(msix);
}

static const struct device_ops msix_ops = {
	.read = msix_read,
	.write = msix_write,
	.reset = msix_reset,
	.destroy = msix_dev_destroy,
};

/* The capability's body: Message Control, Table Offset and BIR, PBA Offset and BIR. */
static int add_capability(struct msix *msix, unsigned bar)
{
	struct pci_config *config = &msix->fn->config;
	uint32_t table = bar, pba = (uint32_t)msix->pba_off | bar;
	uint16_t control = (uint16_t)(msix->nr_vectors - 1);
	uint8_t body[PCI_CAP_MSIX_SIZEOF - PCI_MSIX_FLAGS];
	int r;

	memcpy(body + PCI_MSIX_FLAGS - PCI_MSIX_FLAGS, &control, sizeof(control));
	memcpy(body + PCI_MSIX_TABLE - PCI_MSIX_FLAGS, &table, sizeof(table));
	memcpy(body + PCI_MSIX_PBA - PCI_MSIX_FLAGS, &pba, sizeof(pba));
	r = pci_config_add_capability(config, PCI_CAP_ID_MSIX, body, sizeof(body),
				      &msix->capability);
	if (r < 0)
		return r;
	pci_config_allow(config, msix->capability + PCI_MSIX_FLAGS, 2,
			 PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	return 0;
}

static uint64_t round_up_to_power_of_two(uint64_t size)
{
	uint64_t power = PAGE_SIZE;

	while (power < size)
		power *= 2;
	return power;
}

int msix_create(struct pci_function *fn, unsigned bar, unsigned nr_vectors,
		const struct msi_sender *sender, struct msix **ret_msix)
{
	struct pci_watch watch = { .len = 2, .written = control_written };
	struct msix *msix;
	int r;

	if (nr_vectors == 0 || nr_vectors > MSIX_MAX_VECTORS)
		return -EINVAL;
	msix = calloc(1, sizeof(*msix) + nr_vectors * sizeof(msix->vectors[0]));
	if (!msix)
		return -ENOMEM;
	(void)pthread_mutex_init(&msix->lock, NULL);
	msix->dev = (struct device){ &msix_ops, NULL, fn->name };
	msix->fn = fn;
	msix->sender = *sender;
	msix->nr_vectors = nr_vectors;
	msix->pba_off = ALIGN_UP(nr_vectors * PCI_MSIX_ENTRY_SIZE, PAGE_SIZE);
	msix_reset(&msix->dev);
	r = pci_function_set_bar(fn, bar, PCI_BAR_MEMORY32,
				 round_up_to_power_of_two(msix->pba_off + PAGE_SIZE), &msix->dev);
	if (r == 0)
		r = add_capability(msix, bar);
	watch.off = msix->capability + PCI_MSIX_FLAGS;
	watch.ctx = msix;
	if (r == 0)
		r = pci_function_add_watch(fn, &watch);
	if (r < 0) {
		msix_destroy(msix);
		return r;
	}
	*ret_msix = msix;
	return 0;
}

void msix_destroy(struct msix *msix)
{
	if (msix)
		msix_dev_destroy(&msix->dev);
}

bool msix_notify(struct msix *msix, unsigned index)
{
	struct msix_vector *vector;
	SCOPED_LOCK(&msix->lock);

	if (!msix->enabled || index >= msix->nr_vectors)
		return false;
	vector = &msix->vectors[index];
	if (msix->masked || vector->masked) {
		vector->pending = true;
		return false;
	}
	msix->sender.send(msix->sender.ctx, index, &vector->message);
	return true;
}

bool msix_is_enabled(struct msix *msix)
{
	SCOPED_LOCK(&msix->lock);

	return msix->enabled;
}
