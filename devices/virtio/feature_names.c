/* SPDX-License-Identifier: MIT */
#include "devices/virtio/feature_names.h"
#include "devices/virtio/spec.h"

struct name {
	unsigned bit;
	const char *name;
};

/* Not of one device type (6), and those of the legacy interface, which a driver may still name. */
static const struct name common[] = {
	{ 24, "VIRTIO_F_NOTIFY_ON_EMPTY" },   { 27, "VIRTIO_F_ANY_LAYOUT" },
	{ 28, "VIRTIO_F_INDIRECT_DESC" },     { 29, "VIRTIO_F_EVENT_IDX" },
	{ 32, "VIRTIO_F_VERSION_1" },         { 33, "VIRTIO_F_ACCESS_PLATFORM" },
	{ 34, "VIRTIO_F_RING_PACKED" },       { 35, "VIRTIO_F_IN_ORDER" },
	{ 36, "VIRTIO_F_ORDER_PLATFORM" },    { 37, "VIRTIO_F_SR_IOV" },
	{ 38, "VIRTIO_F_NOTIFICATION_DATA" }, { 39, "VIRTIO_F_NOTIF_CONFIG_DATA" },
	{ 40, "VIRTIO_F_RING_RESET" },        { 0 },
};

/* 5.1.3 */
static const struct name net[] = {
	{ 0, "VIRTIO_NET_F_CSUM" },
	{ 1, "VIRTIO_NET_F_GUEST_CSUM" },
	{ 2, "VIRTIO_NET_F_CTRL_GUEST_OFFLOADS" },
	{ 3, "VIRTIO_NET_F_MTU" },
	{ 5, "VIRTIO_NET_F_MAC" },
	{ 6, "VIRTIO_NET_F_GSO" },
	{ 7, "VIRTIO_NET_F_GUEST_TSO4" },
	{ 8, "VIRTIO_NET_F_GUEST_TSO6" },
	{ 9, "VIRTIO_NET_F_GUEST_ECN" },
	{ 10, "VIRTIO_NET_F_GUEST_UFO" },
	{ 11, "VIRTIO_NET_F_HOST_TSO4" },
	{ 12, "VIRTIO_NET_F_HOST_TSO6" },
	{ 13, "VIRTIO_NET_F_HOST_ECN" },
	{ 14, "VIRTIO_NET_F_HOST_UFO" },
	{ 15, "VIRTIO_NET_F_MRG_RXBUF" },
	{ 16, "VIRTIO_NET_F_STATUS" },
	{ 17, "VIRTIO_NET_F_CTRL_VQ" },
	{ 18, "VIRTIO_NET_F_CTRL_RX" },
	{ 19, "VIRTIO_NET_F_CTRL_VLAN" },
	{ 21, "VIRTIO_NET_F_GUEST_ANNOUNCE" },
	{ 22, "VIRTIO_NET_F_MQ" },
	{ 23, "VIRTIO_NET_F_CTRL_MAC_ADDR" },
	{ 53, "VIRTIO_NET_F_NOTF_COAL" },
	{ 54, "VIRTIO_NET_F_GUEST_USO4" },
	{ 55, "VIRTIO_NET_F_GUEST_USO6" },
	{ 56, "VIRTIO_NET_F_HOST_USO" },
	{ 57, "VIRTIO_NET_F_HASH_REPORT" },
	{ 59, "VIRTIO_NET_F_GUEST_HDRLEN" },
	{ 60, "VIRTIO_NET_F_RSS" },
	{ 61, "VIRTIO_NET_F_RSC_EXT" },
	{ 62, "VIRTIO_NET_F_STANDBY" },
	{ 63, "VIRTIO_NET_F_SPEED_DUPLEX" },
	{ 0 },
};

/* 5.2.3 */
static const struct name block[] = {
	{ 0, "VIRTIO_BLK_F_BARRIER" },
	{ 1, "VIRTIO_BLK_F_SIZE_MAX" },
	{ 2, "VIRTIO_BLK_F_SEG_MAX" },
	{ 4, "VIRTIO_BLK_F_GEOMETRY" },
	{ 5, "VIRTIO_BLK_F_RO" },
	{ 6, "VIRTIO_BLK_F_BLK_SIZE" },
	{ 7, "VIRTIO_BLK_F_SCSI" },
	{ 9, "VIRTIO_BLK_F_FLUSH" },
	{ 10, "VIRTIO_BLK_F_TOPOLOGY" },
	{ 11, "VIRTIO_BLK_F_CONFIG_WCE" },
	{ 12, "VIRTIO_BLK_F_MQ" },
	{ 13, "VIRTIO_BLK_F_DISCARD" },
	{ 14, "VIRTIO_BLK_F_WRITE_ZEROES" },
	{ 15, "VIRTIO_BLK_F_LIFETIME" },
	{ 16, "VIRTIO_BLK_F_SECURE_ERASE" },
	{ 0 },
};

/* 5.3.3 */
static const struct name console[] = {
	{ 0, "VIRTIO_CONSOLE_F_SIZE" },
	{ 1, "VIRTIO_CONSOLE_F_MULTIPORT" },
	{ 2, "VIRTIO_CONSOLE_F_EMERG_WRITE" },
	{ 0 },
};

/* 5.5.3 */
static const struct name balloon[] = {
	{ 0, "VIRTIO_BALLOON_F_MUST_TELL_HOST" },
	{ 1, "VIRTIO_BALLOON_F_STATS_VQ" },
	{ 2, "VIRTIO_BALLOON_F_DEFLATE_ON_OOM" },
	{ 3, "VIRTIO_BALLOON_F_FREE_PAGE_HINT" },
	{ 4, "VIRTIO_BALLOON_F_PAGE_POISON" },
	{ 5, "VIRTIO_BALLOON_F_PAGE_REPORTING" },
	{ 0 },
};

/* 5.10.3 */
static const struct name socket[] = {
	{ 0, "VIRTIO_VSOCK_F_STREAM" },
	{ 1, "VIRTIO_VSOCK_F_SEQPACKET" },
	{ 0 },
};

/* 5.11.3 */
static const struct name file_system[] = { { 0, "VIRTIO_FS_F_NOTIFICATION" }, { 0 } };

static const struct name *of_device(uint16_t device_id)
{
	static const struct name none[] = { { 0 } };

	switch (device_id) {
	case VIRTIO_DEVICE_NET: return net;
	case VIRTIO_DEVICE_BLOCK: return block;
	case VIRTIO_DEVICE_CONSOLE: return console;
	case VIRTIO_DEVICE_BALLOON: return balloon;
	case VIRTIO_DEVICE_SOCKET: return socket;
	case VIRTIO_DEVICE_FS: return file_system;
	default: return none;
	}
}

static const char *find(const struct name *names, unsigned bit)
{
	for (; names->name; names++)
		if (names->bit == bit)
			return names->name;
	return NULL;
}

const char *virtio_feature_name(uint16_t device_id, unsigned bit)
{
	const char *name = find(common, bit);

	return name ? name : find(of_device(device_id), bit);
}

const char *virtio_status_name(unsigned bit)
{
	static const struct name names[] = {
		{ 0, "ACKNOWLEDGE" },
		{ 1, "DRIVER" },
		{ 2, "DRIVER_OK" },
		{ 3, "FEATURES_OK" },
		{ 6, "NEEDS_RESET" },
		{ 7, "FAILED" },
		{ 0 },
	};

	return find(names, bit);
}
