/* SPDX-License-Identifier: MIT */
/*
 * What every virtio device is made of: status, features, configuration space and queues (2), apart
 * from both the device's own work and the transport that carries its registers.
 *
 *     guest -> transport (pci.h, mmio.h) -> virtio_dev -> virtio_ops of the device
 *     guest <- transport (interrupt)     <- virtio_dev <- the device
 *
 * To add a device: copy rng.c.  It embeds a struct virtio_dev, has a `static const struct
 * virtio_class`, and learns the transport by nobody.  Then a unit test with the mock driver, and
 * a file in vmm/virtio/, see kind.h there.
 *
 * Threads: vCPUs come in through a transport's registers, the loop's thread through doorbells and
 * the device's backends.  One lock serves all of them: `lock` of struct virtio_dev is held
 *   - by the transport around each register access,
 *   - by virtio_dev around each virtio_ops function (but destroy),
 *   - by the device itself, in what its backends call.
 * All functions below want it held, unless they say otherwise.  It is outside of the locks of
 * backends, loop and interrupt controller, and none of these calls back with theirs held.
 *
 * Chains are served (queue_ready) on the loop's thread, also if a notification came as an exit of
 * a vCPU.  A device that was made without a loop, as in tests, serves them on the thread that
 * notifies.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_VIRTIO_H
#define GLASSBOX_DEVICES_VIRTIO_VIRTIO_H

#include <pthread.h>

#include "base/loop.h"
#include "devices/virtio/virtqueue.h"
#include "trace/trace.h"

#define VIRTIO_MAX_QUEUES 32

struct virtio_dev;

/*
 * All but destroy may be NULL, and but one of queue_ready and queue_start: the first is for a
 * device that serves its queues itself, the second for one whose queues are served elsewhere, by
 * somebody who shares the guest's memory.  The rings of the latter are set up and checked as
 * everybody's, and then never touched here.
 */
struct virtio_ops {
	/*
	 * The driver's features were accepted, FEATURES_OK: it may read configuration that depends
	 * on them.
	 */
	void (*features_chosen)(struct virtio_dev *vdev);
	/*
	 * The driver said DRIVER_OK; features and queues are known.  Does not serve queues yet.
	 * Return: 0; after -errno the device needs a reset.
	 */
	int (*activate)(struct virtio_dev *vdev);
	/* There may be chains in queue @q.  Also called with nothing there. */
	void (*queue_ready)(struct virtio_dev *vdev, unsigned q);
	/*
	 * Queue @q is on, and the device active: hand its rings (struct virtqueue, `host`) to
	 * whoever serves it.  That one finds the driver's notifications at virtio_dev_doorbell(),
	 * the first of which comes at once; what it has to tell the driver goes to
	 * virtio_dev_interrupt().
	 * Return: 0; after -errno the device needs a reset.
	 */
	int (*queue_start)(struct virtio_dev *vdev, unsigned q);
	/*
	 * The driver writes configuration.  @off and @len lie within it; the device puts into
	 * vdev->config what it accepts.
	 */
	void (*config_write)(struct virtio_dev *vdev, unsigned off, const void *buf, unsigned len);
	/*
	 * Queue @q is about to be turned off.  When this returns, no chain of it is touched any
	 * more: not by the device, not by a backend, not by the kernel on behalf of one, and its
	 * doorbell is nobody else's to read.  Pushing what is in flight is fine.  A device whose
	 * chains never outlive queue_ready has nothing to do.  It may not have been started.
	 */
	void (*queue_stop)(struct virtio_dev *vdev, unsigned q);
	/* Back to the state before activate.  All queues have been stopped. */
	void (*reset)(struct virtio_dev *vdev);
	/*
	 * The machine ends: virtio_dev_destroy() is about to stop and reset what runs.  Nobody
	 * waits for what is in flight any more.
	 */
	void (*abandon)(struct virtio_dev *vdev);
	/* Calls virtio_dev_deinit() and frees the device.  Without the lock; never active. */
	void (*destroy)(struct virtio_dev *vdev);
};

/* What a feature may not be accepted without; tables end with feature 0. */
struct virtio_feature_rule {
	uint64_t feature;
	uint64_t needs;     /* all of these */
	uint64_t needs_one; /* at least one of these; 0: nothing */
};

struct virtio_class {
	const char *name;                                /* e.g. "virtio-rng" */
	uint16_t id;                                     /* VIRTIO_DEVICE_* */
	unsigned nr_queues;                              /* most a device may have */
	uint16_t queue_size;                             /* maximum; a power of two */
	uint64_t features;                               /* of this device type */
	const struct virtio_feature_rule *feature_rules; /* may be NULL */
	unsigned config_len;                             /* bytes */
	/* Configuration that may be written at any time, before FEATURES_OK, too. */
	struct {
		unsigned off, len;
	} early_config;
	const struct virtio_ops *ops;
};

/* Called with the lock held.  @ret_vector: of MSI-X, else 0. */
struct virtio_transport_ops {
	enum trace_irq_decision (*signal_queue)(void *ctx, unsigned q, uint16_t *ret_vector);
	enum trace_irq_decision (*signal_config)(void *ctx, uint16_t *ret_vector);
	/* DRIVER_OK: from now on notifications may come as eventfds, see virtio_dev_doorbell(). */
	void (*start)(void *ctx);
	/* Before a reset: not any more. */
	void (*stop)(void *ctx);
};

struct virtio_doorbell {
	struct virtio_dev *vdev;
	unsigned queue;
	int eventfd; /* -EBADF without a loop, unless the queue is served elsewhere */
	struct loop_source *source; /* NULL for one that is */
	uint64_t own;               /* of the eventfd's count, what virtio_dev itself added */
};

struct virtio_dev {
	/* Immutable after virtio_dev_init(), the transport after virtio_dev_set_transport(). */
	const struct virtio_class *class;
	const char *name;
	struct loop *loop;
	const struct virtio_transport_ops *transport;
	void *transport_ctx;
	unsigned nr_queues;
	uint64_t offered;
	uint8_t *config; /* config_len bytes of the device; their contents are under the lock */

	pthread_mutex_t lock; /* protects what follows, and all of the device */
	uint8_t status;
	bool active;           /* between activate and reset */
	bool bus_master;       /* may access memory, see virtio_dev_set_bus_master() */
	bool features_ok_read; /* status was read with FEATURES_OK set */
	uint64_t accepted;
	uint32_t config_generation;
	struct virtqueue *queues;
	struct virtio_doorbell *doorbells;
};

struct virtio_dev_config {
	const char *name;            /* e.g. "virtio-rng0"; borrowed */
	const struct guest_mem *mem; /* borrowed */
	struct loop *loop;           /* borrowed; NULL: no doorbells by eventfd */
	unsigned nr_queues;          /* 0: as the class says */
	uint16_t queue_size;         /* maximum; 0: as the class says */
	uint64_t features_off;       /* not to be offered, e.g. VIRTIO_FEATURE_PACKED */
};

/**
 * virtio_dev_init() - for constructors of devices; without the lock, before the loop runs
 * @config_space: class->config_len bytes that live as long as the device; NULL if that is 0
 *
 * Return: 0, or -errno with nothing left behind.
 */
int virtio_dev_init(struct virtio_dev *vdev, const struct virtio_class *class,
		    const struct virtio_dev_config *config, void *config_space) __must_check;

/** virtio_dev_deinit() - for destroy operations; without the lock, on the loop's thread or after */
void virtio_dev_deinit(struct virtio_dev *vdev);

/** virtio_dev_destroy() - reset and free @vdev; as virtio_dev_deinit(); NULL is fine */
void virtio_dev_destroy(struct virtio_dev *vdev);

/* ---- for devices ---- */

/** virtio_dev_is_served_elsewhere() - see struct virtio_ops */
static inline bool virtio_dev_is_served_elsewhere(const struct virtio_dev *vdev)
{
	return vdev->class->ops->queue_start;
}

static inline bool virtio_dev_has_feature(const struct virtio_dev *vdev, uint64_t feature)
{
	return vdev->accepted & feature;
}

/** virtio_dev_queue() - queue @q, or NULL if there is none: the one place where that is checked */
static inline struct virtqueue *virtio_dev_queue(struct virtio_dev *vdev, unsigned q)
{
	return q < vdev->nr_queues ? &vdev->queues[q] : NULL;
}

/** virtio_dev_signal_queue() - tell the driver of pushed chains, if it wants to hear of them */
void virtio_dev_signal_queue(struct virtio_dev *vdev, unsigned q);

/** virtio_dev_config_changed() - tell the driver that vdev->config is new */
void virtio_dev_config_changed(struct virtio_dev *vdev);

/**
 * virtio_dev_needs_reset() - the device can't go on: DEVICE_NEEDS_RESET (2.1.2)
 *
 * No chain can be popped until the driver resets the device.  A malformed ring leads here by
 * itself.
 */
void virtio_dev_needs_reset(struct virtio_dev *vdev);

/**
 * virtio_dev_serve() - have queue_ready called for @q now
 *
 * On the loop's thread, for a moment at which what is in the queue must not wait.
 */
void virtio_dev_serve(struct virtio_dev *vdev, unsigned q);

/**
 * virtio_dev_again() - have queue_ready called for @q soon, on the loop's thread
 *
 * For a queue that is served elsewhere it rings the doorbell.
 */
void virtio_dev_again(struct virtio_dev *vdev, unsigned q);

/** virtio_dev_interrupt() - whoever serves @q elsewhere wants the driver to be interrupted */
void virtio_dev_interrupt(struct virtio_dev *vdev, unsigned q);

/* ---- for transports ---- */

/** virtio_dev_set_transport() - without the lock, before any vCPU runs */
void virtio_dev_set_transport(struct virtio_dev *vdev, const struct virtio_transport_ops *ops,
			      void *ctx);

/** virtio_dev_read_status() / virtio_dev_write_status() - device status (2.1); 0 is a reset */
uint8_t virtio_dev_read_status(struct virtio_dev *vdev);
void virtio_dev_write_status(struct virtio_dev *vdev, uint8_t value);

/** virtio_dev_reset() - to the state after power-on (2.4); done when it returns */
void virtio_dev_reset(struct virtio_dev *vdev);

/**
 * virtio_dev_set_bus_master() - may the device access the guest's memory?
 *
 * It may until a transport says no, also after a reset.  While it may not, DRIVER_OK waits to take
 * effect.  An active device that may no longer drops what is in flight and needs a reset; when this
 * returns, it touches no memory any more.
 */
void virtio_dev_set_bus_master(struct virtio_dev *vdev, bool on);

/** virtio_dev_offered() / virtio_dev_accepted() - 32 feature bits from bit 32 * @word on (2.2) */
uint32_t virtio_dev_offered(const struct virtio_dev *vdev, uint32_t word);
uint32_t virtio_dev_accepted(const struct virtio_dev *vdev, uint32_t word);

/** virtio_dev_accept() - the driver chose 32 feature bits; ignored after FEATURES_OK */
void virtio_dev_accept(struct virtio_dev *vdev, uint32_t word, uint32_t bits);

/**
 * virtio_dev_config_read() / virtio_dev_config_write() - configuration space (2.5)
 * @off, @len: any; what is beyond its end reads as zeros and is not written
 */
void virtio_dev_config_read(struct virtio_dev *vdev, uint64_t off, void *buf, unsigned len);
void virtio_dev_config_write(struct virtio_dev *vdev, uint64_t off, const void *buf, unsigned len);

/** virtio_dev_queue_set_size() / virtio_dev_queue_set_area() - refused while the queue is on */
void virtio_dev_queue_set_size(struct virtio_dev *vdev, unsigned q, uint32_t size);
/** ... @high: write the upper 32 bits of the address, not the lower */
void virtio_dev_queue_set_area(struct virtio_dev *vdev, unsigned q, enum virtqueue_area area,
			       bool high, uint32_t bits);

/** virtio_dev_queue_enable() - on, with what was set; what is wrong there makes the device need a
 * reset */
void virtio_dev_queue_enable(struct virtio_dev *vdev, unsigned q);

/** virtio_dev_queue_disable() - off: the driver is done with the queue (4.2.3.2) */
void virtio_dev_queue_disable(struct virtio_dev *vdev, unsigned q);

/** virtio_dev_queue_reset() - a virtqueue reset (2.6.1); done when it returns */
void virtio_dev_queue_reset(struct virtio_dev *vdev, unsigned q);

/** virtio_dev_kick() - an available buffer notification for @q that came as a register write */
void virtio_dev_kick(struct virtio_dev *vdev, uint32_t q);

/** virtio_dev_doorbell() - what a transport may have written instead of that; -EBADF: nothing */
int virtio_dev_doorbell(const struct virtio_dev *vdev, unsigned q);

#endif
