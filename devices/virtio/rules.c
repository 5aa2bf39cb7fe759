/* SPDX-License-Identifier: MIT */
#include "devices/virtio/rules.h"
#include "trace/trace.h"

struct rule {
	const char *name;
	const char *section;
};

static const struct rule rules[] = {
	[VIRTIO_RULE_AVAIL_JUMP] = { "avail-jump", "2.7.13.2" },
	[VIRTIO_RULE_HEAD_RANGE] = { "head-range", "2.7.6" },
	[VIRTIO_RULE_HEAD_IN_FLIGHT] = { "head-in-flight", "2.7.13.1" },
	[VIRTIO_RULE_NEXT_RANGE] = { "next-range", "2.7.5" },
	[VIRTIO_RULE_CHAIN_LENGTH] = { "chain-length", "2.7.5.3.1" },
	[VIRTIO_RULE_CHAIN_BYTES] = { "chain-bytes", "2.7.5.2" },
	[VIRTIO_RULE_BUFFER_MEMORY] = { "buffer-memory", "2.7.5" },
	[VIRTIO_RULE_BUFFER_ORDER] = { "buffer-order", "2.7.4.2" },
	[VIRTIO_RULE_INDIRECT_FEATURE] = { "indirect-feature", "2.7.5.3.1" },
	[VIRTIO_RULE_INDIRECT_NESTED] = { "indirect-nested", "2.7.5.3.1" },
	[VIRTIO_RULE_INDIRECT_NEXT] = { "indirect-next", "2.7.5.3.1" },
	[VIRTIO_RULE_INDIRECT_SIZE] = { "indirect-size", "2.7.5.3" },
	[VIRTIO_RULE_INDIRECT_MEMORY] = { "indirect-memory", "2.7.5.3" },
	[VIRTIO_RULE_LIST_NOT_AVAIL] = { "list-not-available", "2.8.17" },
	[VIRTIO_RULE_LIST_OVERRUN] = { "list-overrun", "2.8.17" },
	[VIRTIO_RULE_QUEUE_SIZE] = { "queue-size", "2.7" },
	[VIRTIO_RULE_QUEUE_ALIGN] = { "queue-align", "2.7.1" },
	[VIRTIO_RULE_QUEUE_MEMORY] = { "queue-memory", "2.7" },
	[VIRTIO_RULE_DEVICE_FAILED] = { "device-failed", "2.1.2" },
	[VIRTIO_RULE_QUEUE_OVERLAP] = { "queue-overlap", "2.7" },
	[VIRTIO_RULE_QUEUE_LIVE] = { "queue-live", "4.1.4.3.2 / 4.2.2.2" },
	[VIRTIO_RULE_QUEUE_EARLY] = { "queue-early", "3.1.1" },
	[VIRTIO_RULE_QUEUE_SELECT] = { "queue-select", "4.1.5.1.3 / 4.2.3.2" },
	[VIRTIO_RULE_QUEUE_RESET] = { "queue-reset", "2.6.1.1" },
	[VIRTIO_RULE_STATUS_CLEARED] = { "status-cleared", "2.1.1" },
	[VIRTIO_RULE_STATUS_ORDER] = { "status-order", "3.1.1" },
	[VIRTIO_RULE_STATUS_FAILED] = { "status-failed", "2.1.1" },
	[VIRTIO_RULE_FEATURES_NOT_OFFERED] = { "features-not-offered", "2.2.1" },
	[VIRTIO_RULE_FEATURES_VERSION_1] = { "features-version-1", "6.1" },
	[VIRTIO_RULE_FEATURES_DEPENDENCY] = { "features-dependency", "2.2.1" },
	[VIRTIO_RULE_FEATURES_LATE] = { "features-late", "3.1.1" },
	[VIRTIO_RULE_FEATURES_NOT_READ] = { "features-not-read", "3.1.1" },
	[VIRTIO_RULE_CONFIG_EARLY] = { "config-early", "3.1.1" },
	[VIRTIO_RULE_CONFIG_WIDTH] = { "config-width", "4.1.3.1 / 4.2.2.2" },
	[VIRTIO_RULE_NOTIFY_EARLY] = { "notify-early", "3.1.1" },
	[VIRTIO_RULE_NOTIFY_QUEUE] = { "notify-queue", "2.9" },
	[VIRTIO_RULE_BUFFER_EMPTY] = { "buffer-empty", "2.7.13.1" },
	[VIRTIO_RULE_EVENT_FLAGS] = { "event-flags", "2.8.10" },
	[VIRTIO_RULE_REGISTER_WIDTH] = { "register-width", "4.2.2.2" },
	[VIRTIO_RULE_REGISTER_ACCESS] = { "register-access", "4.2.2.2" },
	[VIRTIO_RULE_ACK_NOT_PENDING] = { "ack-not-pending", "4.2.2.2" },
	/* Two rules that MMIO has as well, in other words. */
	[VIRTIO_RULE_PCI_REGISTER_WIDTH] = { "register-width", "4.1.3.1" },
	[VIRTIO_RULE_PCI_REGISTER_ACCESS] = { "register-access", "4.1.4.3" },
	[VIRTIO_RULE_PCI_QUEUE_ENABLE] = { "queue-enable", "4.1.4.3.2" },
	[VIRTIO_RULE_PCI_ACCESS] = { "pci-access", "4.1.4.9.2" },
	[VIRTIO_RULE_RNG_READABLE] = { "rng-readable", "5.4.6.1" },
	[VIRTIO_RULE_BLK_HEADER] = { "blk-header", "5.2.6" },
	[VIRTIO_RULE_BLK_STATUS] = { "blk-status", "5.2.6" },
	[VIRTIO_RULE_BLK_LENGTH] = { "blk-length", "5.2.6.1" },
	[VIRTIO_RULE_BLK_RANGE] = { "blk-range", "5.2.6.1" },
	[VIRTIO_RULE_BLK_READ_ONLY] = { "blk-read-only", "5.2.6.2" },
	[VIRTIO_RULE_BLK_FLAGS] = { "blk-flags", "5.2.6.2" },
	[VIRTIO_RULE_VSOCK_BUFFER] = { "vsock-buffer", "5.10.6.4" },
	[VIRTIO_RULE_VSOCK_HEADER] = { "vsock-header", "5.10.6.4" },
	[VIRTIO_RULE_VSOCK_LENGTH] = { "vsock-length", "5.10.6" },
	[VIRTIO_RULE_VSOCK_CID] = { "vsock-cid", "5.10.6.4.1" },
	[VIRTIO_RULE_VSOCK_TYPE] = { "vsock-type", "5.10.6.4.1" },
	[VIRTIO_RULE_VSOCK_OP] = { "vsock-op", "5.10.6" },
	[VIRTIO_RULE_VSOCK_STATE] = { "vsock-state", "5.10.6.5" },
	[VIRTIO_RULE_VSOCK_CREDIT] = { "vsock-credit", "5.10.6.3.1" },
	[VIRTIO_RULE_VSOCK_FLAGS] = { "vsock-flags", "5.10.6.5" },
	[VIRTIO_RULE_BALLOON_QUEUE] = { "balloon-queue", "5.5.2" },
	[VIRTIO_RULE_BALLOON_DIRECTION] = { "balloon-direction", "5.5.6" },
	[VIRTIO_RULE_BALLOON_LENGTH] = { "balloon-length", "5.5.6" },
	[VIRTIO_RULE_BALLOON_PAGE] = { "balloon-page", "5.5.6" },
	[VIRTIO_RULE_BALLOON_STATS] = { "balloon-stats", "5.5.6.3.1" },
	[VIRTIO_RULE_BALLOON_REPORT] = { "balloon-report", "5.5.6.7" },
	[VIRTIO_RULE_BALLOON_CONFIG] = { "balloon-config", "5.5.4" },
	[VIRTIO_RULE_BALLOON_POISON] = { "balloon-poison", "5.5.6.6.1" },
	[VIRTIO_RULE_NET_TX_WRITABLE] = { "net-tx-writable", "5.1.6.2" },
	[VIRTIO_RULE_NET_TX_LENGTH] = { "net-tx-length", "5.1.6.2" },
	[VIRTIO_RULE_NET_TX_HEADER] = { "net-tx-header", "5.1.6.2.1" },
	[VIRTIO_RULE_NET_RX_READABLE] = { "net-rx-readable", "5.1.6.3" },
	[VIRTIO_RULE_NET_RX_LENGTH] = { "net-rx-length", "5.1.6.3.1" },
	[VIRTIO_RULE_NET_CTRL_LENGTH] = { "net-ctrl-length", "5.1.6.5" },
	[VIRTIO_RULE_NET_CTRL_COMMAND] = { "net-ctrl-command", "5.1.6.5" },
	[VIRTIO_RULE_NET_CTRL_DATA] = { "net-ctrl-data", "5.1.6.5" },
	[VIRTIO_RULE_CONSOLE_READABLE] = { "console-readable", "5.3.6.1" },
	[VIRTIO_RULE_CONSOLE_WRITABLE] = { "console-writable", "5.3.6.1" },
	[VIRTIO_RULE_CONSOLE_QUEUE] = { "console-queue", "5.3.2" },
	[VIRTIO_RULE_CONSOLE_CONTROL] = { "console-control", "5.3.6.2" },
	[VIRTIO_RULE_CONSOLE_EVENT] = { "console-event", "5.3.6.2" },
	[VIRTIO_RULE_CONSOLE_PORT] = { "console-port", "5.3.6.2" },
	[VIRTIO_RULE_FS_CONFIG] = { "fs-config", "5.11.4.1" },
};
_Static_assert(ARRAY_SIZE(rules) == VIRTIO_RULE_COUNT, "a name for each rule");

const char *virtio_rule_name(enum virtio_rule rule)
{
	return rules[rule].name;
}

const char *virtio_rule_section(enum virtio_rule rule)
{
	return rules[rule].section;
}

void virtio_finding(const char *device, unsigned queue, enum virtio_rule rule, uint64_t detail)
{
	trace_virtio_finding(device, queue, rules[rule].name, rules[rule].section, detail);
}
