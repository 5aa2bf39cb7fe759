/* SPDX-License-Identifier: MIT */
/*
 * The rules of the specification that drivers are seen to break, and the one way to say so: a
 * virtio_finding event in the trace.  Any thread.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_RULES_H
#define GLASSBOX_DEVICES_VIRTIO_RULES_H

#include "trace/trace.h"

enum virtio_rule {
	/* The rings: these make the device need a reset. */
	VIRTIO_RULE_AVAIL_JUMP,       /* avail.idx more than the queue size ahead */
	VIRTIO_RULE_HEAD_RANGE,       /* head of a chain beyond the descriptor table */
	VIRTIO_RULE_HEAD_IN_FLIGHT,   /* offered again before it was used */
	VIRTIO_RULE_NEXT_RANGE,       /* next beyond its table */
	VIRTIO_RULE_CHAIN_LENGTH,     /* more descriptors than the queue size: a loop, perhaps */
	VIRTIO_RULE_CHAIN_BYTES,      /* 2^32 bytes or more in one chain */
	VIRTIO_RULE_BUFFER_MEMORY,    /* buffer not within the guest's memory */
	VIRTIO_RULE_BUFFER_ORDER,     /* device-readable after device-writable */
	VIRTIO_RULE_INDIRECT_FEATURE, /* indirect table, feature not accepted */
	VIRTIO_RULE_INDIRECT_NESTED,  /* indirect table in an indirect table */
	VIRTIO_RULE_INDIRECT_NEXT,    /* INDIRECT and NEXT together, or INDIRECT in a packed list */
	VIRTIO_RULE_INDIRECT_SIZE,    /* length 0 or not a multiple of 16 */
	VIRTIO_RULE_INDIRECT_MEMORY,  /* table not within the guest's memory */
	VIRTIO_RULE_LIST_NOT_AVAIL,   /* packed list whose later descriptors aren't available */
	VIRTIO_RULE_LIST_OVERRUN,     /* packed list over descriptors that are in flight */
	VIRTIO_RULE_QUEUE_SIZE,       /* 0, above the maximum, or not a power of two (split) */
	VIRTIO_RULE_QUEUE_ALIGN,      /* area not aligned */
	VIRTIO_RULE_QUEUE_MEMORY,     /* area not within the guest's memory */
	VIRTIO_RULE_DEVICE_FAILED,    /* not the driver's fault: the device could not start */

	/* Set-up: these are refused or ignored, and the device goes on. */
	VIRTIO_RULE_QUEUE_OVERLAP,        /* areas of one queue overlap */
	VIRTIO_RULE_QUEUE_LIVE,           /* touched while enabled */
	VIRTIO_RULE_QUEUE_EARLY,          /* enabled before FEATURES_OK: its layout isn't known */
	VIRTIO_RULE_QUEUE_SELECT,         /* no such queue */
	VIRTIO_RULE_QUEUE_RESET,          /* reset without the feature, or of a queue that is off */
	VIRTIO_RULE_STATUS_CLEARED,       /* a status bit cleared other than by a reset */
	VIRTIO_RULE_STATUS_ORDER,         /* status bits out of order */
	VIRTIO_RULE_STATUS_FAILED,        /* goes on after FAILED without a reset */
	VIRTIO_RULE_FEATURES_NOT_OFFERED, /* accepted what was not offered */
	VIRTIO_RULE_FEATURES_VERSION_1,   /* VERSION_1 not accepted */
	VIRTIO_RULE_FEATURES_DEPENDENCY,  /* accepted without what it requires */
	VIRTIO_RULE_FEATURES_LATE,        /* written after FEATURES_OK */
	VIRTIO_RULE_FEATURES_NOT_READ,    /* FEATURES_OK not read back before DRIVER_OK */
	VIRTIO_RULE_CONFIG_EARLY,         /* configuration written before FEATURES_OK */
	VIRTIO_RULE_CONFIG_WIDTH,         /* configuration access of 8 bytes or not aligned */
	VIRTIO_RULE_NOTIFY_EARLY,         /* notification before DRIVER_OK */
	VIRTIO_RULE_NOTIFY_QUEUE,         /* notification for a queue that isn't there or is off */
	VIRTIO_RULE_BUFFER_EMPTY,         /* descriptor of length 0 */
	VIRTIO_RULE_EVENT_FLAGS,          /* reserved value in the event suppression structure */
	VIRTIO_RULE_REGISTER_WIDTH,       /* register access not of 32 bits or not aligned */
	VIRTIO_RULE_REGISTER_ACCESS,      /* R written, W read, or no register */
	VIRTIO_RULE_ACK_NOT_PENDING,      /* interrupt acknowledged that wasn't pending */
	VIRTIO_RULE_PCI_REGISTER_WIDTH,   /* register access not of the register's width */
	VIRTIO_RULE_PCI_REGISTER_ACCESS,  /* read-only written, write-only read, or no register */
	VIRTIO_RULE_PCI_QUEUE_ENABLE,     /* something else than 1 written to queue_enable */
	VIRTIO_RULE_PCI_ACCESS,           /* access through configuration space to nowhere */
	VIRTIO_RULE_PCI_BUS_MASTER,       /* DRIVER_OK, but the function may not access memory */
	VIRTIO_RULE_RNG_READABLE,         /* device-readable buffer for an entropy device */
	VIRTIO_RULE_BLK_HEADER,           /* request shorter than its header */
	VIRTIO_RULE_BLK_STATUS,           /* no device-writable byte for the status */
	VIRTIO_RULE_BLK_LENGTH,           /* data not of the length that its request has */
	VIRTIO_RULE_BLK_RANGE,            /* beyond the capacity, or more than the device said */
	VIRTIO_RULE_BLK_READ_ONLY,        /* a request to change a read-only disk */
	VIRTIO_RULE_BLK_FLAGS,            /* flags of a discard or write zeroes request */
	VIRTIO_RULE_VSOCK_BUFFER,         /* of the wrong direction, or too small for a packet */
	VIRTIO_RULE_VSOCK_HEADER,         /* packet shorter than its header */
	VIRTIO_RULE_VSOCK_LENGTH,         /* payload longer than the buffer it is in */
	VIRTIO_RULE_VSOCK_CID,            /* packet from another CID than the guest's */
	VIRTIO_RULE_VSOCK_TYPE,           /* socket type that was not negotiated */
	VIRTIO_RULE_VSOCK_OP,             /* no such operation */
	VIRTIO_RULE_VSOCK_STATE,          /* operation that does not fit the connection's state */
	VIRTIO_RULE_VSOCK_CREDIT,         /* more sent, or said to be received, than there is */
	VIRTIO_RULE_VSOCK_FLAGS,          /* SHUTDOWN of nothing, or of what is not defined */
	VIRTIO_RULE_BALLOON_QUEUE,        /* a queue that is not there with these features */
	VIRTIO_RULE_BALLOON_DIRECTION,    /* buffers of the other direction than the queue has */
	VIRTIO_RULE_BALLOON_LENGTH,       /* no whole number of entries */
	VIRTIO_RULE_BALLOON_PAGE,         /* a page that is no RAM */
	VIRTIO_RULE_BALLOON_STATS,        /* a second buffer for statistics */
	VIRTIO_RULE_BALLOON_REPORT,       /* free memory that is not made of whole pages */
	VIRTIO_RULE_BALLOON_CONFIG,       /* a field written that is not the driver's */
	VIRTIO_RULE_BALLOON_POISON,       /* poison_val changed after DRIVER_OK */
	VIRTIO_RULE_NET_TX_WRITABLE,      /* device-writable buffer in a transmit queue */
	VIRTIO_RULE_NET_TX_LENGTH,        /* no whole header, or a frame too short or too long */
	VIRTIO_RULE_NET_TX_HEADER,        /* header with what was not accepted or makes no sense */
	VIRTIO_RULE_NET_RX_READABLE,      /* device-readable buffer in a receive queue */
	VIRTIO_RULE_NET_RX_LENGTH,        /* buffer too small for what it has to hold */
	VIRTIO_RULE_NET_CTRL_LENGTH,  /* command without class and command, or nowhere to answer */
	VIRTIO_RULE_NET_CTRL_COMMAND, /* command that there isn't, or of a feature not accepted */
	VIRTIO_RULE_NET_CTRL_DATA,    /* command whose data are not what it takes */
	VIRTIO_RULE_CONSOLE_READABLE, /* device-readable buffer in a receiveq */
	VIRTIO_RULE_CONSOLE_WRITABLE, /* device-writable buffer in a transmitq */
	VIRTIO_RULE_CONSOLE_QUEUE,    /* a queue that only MULTIPORT has, without it */
	VIRTIO_RULE_CONSOLE_CONTROL,  /* buffer too short for a control message */
	VIRTIO_RULE_CONSOLE_EVENT,    /* control message that is none of a driver's */
	VIRTIO_RULE_CONSOLE_PORT,     /* control message for a port that was not added */
	VIRTIO_RULE_FS_CONFIG,        /* a file system's configuration written */
	VIRTIO_RULE_COUNT,
};

/* In place of a queue's number where none is meant. */
#define VIRTIO_NO_QUEUE TRACE_NO_QUEUE

/**
 * virtio_finding() - leave a finding in the trace
 * @device: the device's name
 * @queue: its queue, or VIRTIO_NO_QUEUE
 * @detail: the value that broke the rule
 */
void virtio_finding(const char *device, unsigned queue, enum virtio_rule rule, uint64_t detail);

#endif
