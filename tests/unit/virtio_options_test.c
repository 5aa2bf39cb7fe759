/* SPDX-License-Identifier: MIT */
/* What users write behind --disk and its like. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

struct options_fixture {
	struct virtio_list list;
	char text[256];
	struct error error;
};

static int add(struct options_fixture *f, const struct virtio_kind *kind, const char *text)
{
	(void)snprintf(f->text, sizeof(f->text), "%s", text);
	return virtio_list_add(&f->list, kind, f->text, &f->error);
}

static const struct disk_options *parse_disk(struct options_fixture *f, const char *text)
{
	memset(f, 0, sizeof(*f));
	f->list.transport = VIRTIO_TRANSPORT_PCI;
	assert_int_equal(add(f, &virtio_kind_disk, text), 0);
	assert_ptr_equal(f->list.devices[0].kind, &virtio_kind_disk);
	return &f->list.devices[0].disk;
}

static void assert_refused(const struct virtio_kind *kind, const char *text, const char *message)
{
	struct options_fixture f = { 0 };

	assert_int_equal(add(&f, kind, text), -EINVAL);
	assert_string_equal(f.error.message, message);
	assert_true(f.error.is_usage);
	assert_int_equal(f.list.nr, 0);
}

static void test_disk_defaults(void **state)
{
	struct options_fixture f;
	const struct disk_options *disk = parse_disk(&f, "a.img");

	(void)state;
	assert_string_equal(disk->path, "a.img");
	assert_null(disk->serial);
	assert_int_equal(disk->queues, 0);
	assert_false(disk->read_only || disk->direct || disk->raw);
	assert_int_equal(f.list.devices[0].transport, VIRTIO_TRANSPORT_DEFAULT);
}

static void test_disk_with_everything(void **state)
{
	struct options_fixture f;
	const struct disk_options *disk = parse_disk(
		&f, "/a=b,,c.img,serial=one,,two,queues=16,ro,direct,format=raw,transport=mmio");

	(void)state;
	assert_string_equal(disk->path, "/a=b,c.img");
	assert_string_equal(disk->serial, "one,two");
	assert_int_equal(disk->queues, 16);
	assert_true(disk->read_only && disk->direct && disk->raw);
	assert_int_equal(f.list.devices[0].transport, VIRTIO_TRANSPORT_MMIO);
}

static void test_vsock(void **state)
{
	struct options_fixture f = { 0 };

	(void)state;
	assert_int_equal(add(&f, &virtio_kind_vsock, "socket=/a,,b,cid=0xfffffffe,transport=mmio"),
			 0);
	assert_string_equal(f.list.devices[0].vsock.path, "/a,b");
	assert_int_equal(f.list.devices[0].vsock.cid, 0xfffffffe);
	assert_int_equal(f.list.devices[0].transport, VIRTIO_TRANSPORT_MMIO);
	assert_int_equal(add(&f, &virtio_kind_vsock, "cid=3,socket=v"), 0);
	assert_int_equal(f.list.devices[1].vsock.cid, 3);
}

static void test_shares(void **state)
{
	struct options_fixture f = { .list = { .transport = VIRTIO_TRANSPORT_PCI } };
	const struct share_options *share = &f.list.devices[0].share;
	char other[] = "tag=/other", same[] = "src=/a=b", again[] = "tag=/again";

	(void)state;
	assert_false(virtio_list_shares_memory(&f.list));
	assert_int_equal(add(&f, &virtio_kind_share, "src=/a=b,,c,ro,transport=mmio"), 0);
	assert_string_equal(share->tag, "src");
	assert_string_equal(share->path, "/a=b,c");
	assert_true(share->read_only);
	assert_int_equal(virtio_list_transport(&f.list, 0), VIRTIO_TRANSPORT_MMIO);
	assert_true(virtio_list_shares_memory(&f.list));

	assert_int_equal(virtio_list_add(&f.list, &virtio_kind_share, other, &f.error), 0);
	assert_false(f.list.devices[1].share.read_only);
	assert_null(virtio_share_twice(&f.list));
	assert_int_equal(virtio_list_add(&f.list, &virtio_kind_share, again, &f.error), 0);
	assert_string_equal(virtio_share_twice(&f.list), "tag");
	f.list.nr = 2;
	assert_int_equal(virtio_list_add(&f.list, &virtio_kind_share, same, &f.error), 0);
	assert_string_equal(virtio_share_twice(&f.list), "src");
}

static void test_share_mistakes(void **state)
{
	(void)state;
	assert_refused(&virtio_kind_share, "", "'' is not TAG=PATH");
	assert_refused(&virtio_kind_share, "/path", "'/path' is not TAG=PATH");
	assert_refused(&virtio_kind_share, "=/path", "'=/path' is not TAG=PATH");
	assert_refused(&virtio_kind_share, "tag=", "'tag=' is not TAG=PATH");
	assert_refused(&virtio_kind_share, "tag=/path,rw", "'rw' is not known");
	assert_refused(&virtio_kind_share, "1234567890123456789012345678901234567=/path",
		       "the tag '1234567890123456789012345678901234567' has more than 36 bytes");
}

static void test_commas(void **state)
{
	struct options_fixture f;

	(void)state;
	assert_string_equal(parse_disk(&f, ",,")->path, ",");
	assert_string_equal(parse_disk(&f, "a,,,,b")->path, "a,,b");
	assert_string_equal(parse_disk(&f, "a,,,ro")->path, "a,");
	assert_true(f.list.devices[0].disk.read_only);
}

static const struct balloon_options *parse_balloon(struct options_fixture *f, const char *text)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(add(f, &virtio_kind_balloon, text), 0);
	return &f->list.devices[0].balloon;
}

static void test_balloon(void **state)
{
	struct options_fixture f;
	const struct balloon_options *balloon = parse_balloon(&f, "");

	(void)state;
	assert_int_equal(balloon->size, 0);
	assert_false(balloon->strict);
	balloon = parse_balloon(&f, "size=64,deflate-on-oom=off");
	assert_int_equal(balloon->size, MIB(64));
	assert_true(balloon->strict);
	balloon = parse_balloon(&f, "deflate-on-oom=on,size=12K");
	assert_int_equal(balloon->size, KIB(12));
	assert_false(balloon->strict);
	assert_int_equal(add(&f, &virtio_kind_balloon, ""), -EINVAL);
	assert_string_equal(f.error.message, "one is all that a guest's memory needs");
	assert_int_equal(f.list.nr, 1);
}

static void test_mistakes(void **state)
{
	(void)state;
	assert_refused(&virtio_kind_disk, "", "needs a value");
	assert_refused(&virtio_kind_disk, ",ro", "needs a value");
	assert_refused(&virtio_kind_disk, "a,", "'' is not known");
	assert_refused(&virtio_kind_disk, "a,rw", "'rw' is not known");
	assert_refused(&virtio_kind_disk, "a,ro,ro", "'ro' is there twice");
	assert_refused(&virtio_kind_disk, "a,ro=1", "ro takes no value");
	assert_refused(&virtio_kind_disk, "a,queues=17",
		       "queues '17' is not a number from 1 to 16");
	assert_refused(&virtio_kind_disk, "a,queues", "queues '' is not a number from 1 to 16");
	assert_refused(&virtio_kind_disk, "a,serial=", "serial needs a value");
	assert_refused(&virtio_kind_disk, "a,serial=123456789012345678901",
		       "serial '123456789012345678901' has more than 20 characters");
	assert_refused(&virtio_kind_disk, "a,format=qcow2", "format 'qcow2' is not raw");
	assert_refused(&virtio_kind_disk, "a,transport=usb",
		       "transport 'usb' is neither pci nor mmio");
	assert_refused(&virtio_kind_rng, "x", "'x' is not known");
	assert_refused(&virtio_kind_vsock, "cid=3", "needs cid=N and socket=PATH");
	assert_refused(&virtio_kind_vsock, "socket=v", "needs cid=N and socket=PATH");
	assert_refused(&virtio_kind_vsock, "socket=,cid=3", "socket needs a value");
	assert_refused(&virtio_kind_vsock, "cid=2,socket=v",
		       "cid '2' is not a number from 3 to 4294967294");
	assert_refused(&virtio_kind_vsock, "cid=4294967295,socket=v",
		       "cid '4294967295' is not a number from 3 to 4294967294");
	assert_refused(&virtio_kind_vsock, "cid,socket=v",
		       "cid '' is not a number from 3 to 4294967294");
	assert_refused(&virtio_kind_balloon, "64M", "'64M' is not known");
	assert_refused(&virtio_kind_balloon, "size", "size '' is not a size");
	assert_refused(&virtio_kind_balloon, "size=1x", "size '1x' is not a size");
	assert_refused(&virtio_kind_balloon, "size=6K", "size '6K' is not a multiple of 4K");
	assert_refused(&virtio_kind_balloon, "deflate-on-oom=no",
		       "deflate-on-oom 'no' is neither on nor off");
}

static const struct net_options *parse_net(struct options_fixture *f, const char *text)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(add(f, &virtio_kind_net, text), 0);
	return &f->list.devices[0].net;
}

static void test_net(void **state)
{
	static const uint8_t mac[] = { 0x02, 0xab, 0, 0, 0x0c, 1 };
	static const uint8_t no_mac[6];
	struct options_fixture f;
	const struct net_options *net = parse_net(&f, "user");

	(void)state;
	assert_null(net->tap);
	assert_int_equal(net->nr_forwards | net->mtu | net->queues, 0);
	assert_memory_equal(net->mac, no_mac, sizeof(no_mac));
	assert_false(net->link_down);
	net = parse_net(&f, "user,hostfwd=tcp::2222-:22,link=down,hostfwd=udp:0.0.0.0:1-10.0.2.9:2,"
			    "mac=02:ab:00:00:0C:01,mtu=1280");
	assert_int_equal(net->nr_forwards, 2);
	assert_int_equal(net->forwards[0].host_port, 2222);
	assert_false(net->forwards[0].udp);
	assert_int_equal(net->forwards[1].guest_port, 2);
	assert_true(net->forwards[1].udp);
	assert_memory_equal(net->mac, mac, sizeof(mac));
	assert_int_equal(net->mtu, 1280);
	assert_true(net->link_down);
	net = parse_net(&f, "tap=a,,b,queues=15,link=up,transport=mmio");
	assert_string_equal(net->tap, "a,b");
	assert_int_equal(net->queues, 15);
	assert_false(net->link_down);
	assert_int_equal(f.list.devices[0].transport, VIRTIO_TRANSPORT_MMIO);
}

static void test_net_mistakes(void **state)
{
	static const char *const macs[] = { "",
					    "01:00:00:00:00:01",
					    "00:00:00:00:00:00",
					    "02:00:00:00:00",
					    "02:00:00:00:00:0",
					    "02:00:00:00:00:01:02",
					    "02-00-00-00-00-01",
					    "02:00:00:00:00:0x",
					    "0x:00:00:00:00:01" };
	char text[64], message[128];

	(void)state;
	assert_refused(&virtio_kind_net, "", "'' is neither user nor tap=NAME");
	assert_refused(&virtio_kind_net, "tap=", "'tap=' is neither user nor tap=NAME");
	assert_refused(&virtio_kind_net, "users", "'users' is neither user nor tap=NAME");
	assert_refused(&virtio_kind_net, "user,queues=2", "the user network has one queue");
	assert_refused(&virtio_kind_net, "tap=a,queues=16",
		       "queues '16' is not a number from 1 to 15");
	assert_refused(&virtio_kind_net, "tap=a,mtu=1279",
		       "mtu '1279' is not a number from 1280 to 65521");
	assert_refused(&virtio_kind_net, "tap=a,link", "link '' is neither up nor down");
	assert_refused(&virtio_kind_net, "tap=a,hostfwd=tcp::1-:2",
		       "hostfwd is for the user network only");
	assert_refused(&virtio_kind_net, "user,hostfwd",
		       "hostfwd '' is not of the form tcp:[ADDRESS]:PORT-[ADDRESS]:PORT");
	for (unsigned i = 0; i < ARRAY_SIZE(macs); i++) {
		(void)snprintf(text, sizeof(text), "user,mac=%s", macs[i]);
		(void)snprintf(message, sizeof(message),
			       "mac '%s' is not the address of one station, such as "
			       "02:00:00:00:00:01",
			       macs[i]);
		assert_refused(&virtio_kind_net, text, message);
	}
}

static void test_net_forwards_have_an_end(void **state)
{
	static char text[64 * (NET_MAX_FORWARDS + 1)] = "user";
	struct virtio_list list = { 0 };
	struct error error;

	(void)state;
	for (unsigned i = 0; i <= NET_MAX_FORWARDS; i++)
		(void)strcat(text, ",hostfwd=tcp::1-:2");
	assert_int_equal(virtio_list_add(&list, &virtio_kind_net, text, &error), -EINVAL);
	assert_string_equal(error.message, "hostfwd is there more than 32 times");
}

static void test_nbd_disks(void **state)
{
	struct options_fixture f;
	const struct disk_options *disk =
		parse_disk(&f, "nbd+unix:///a,,b?socket=/c,ro,serial=x,queues=2,transport=mmio");

	(void)state;
	assert_string_equal(disk->path, "nbd+unix:///a,b?socket=/c");
	assert_true(disk->read_only);
	assert_refused(&virtio_kind_disk, "nbd://host/,direct",
		       "direct is not for NBD: its server says how it does I/O");
	assert_refused(&virtio_kind_disk, "nbds://host/,ro,format=raw",
		       "format is not for NBD: its server knows the format");
	/* A file. */
	assert_true(parse_disk(&f, "./nbd://host,direct,format=raw")->direct);
}

static void test_transports(void **state)
{
	struct options_fixture f = { .list = { .transport = VIRTIO_TRANSPORT_MMIO } };

	(void)state;
	assert_int_equal(add(&f, &virtio_kind_rng, ""), 0);
	assert_int_equal(add(&f, &virtio_kind_rng, "transport=pci"), 0);
	assert_int_equal(add(&f, &virtio_kind_rng, "transport=mmio"), 0);
	assert_int_equal(virtio_list_transport(&f.list, 0), VIRTIO_TRANSPORT_MMIO);
	assert_int_equal(virtio_list_transport(&f.list, 1), VIRTIO_TRANSPORT_PCI);
	assert_int_equal(virtio_list_count(&f.list, VIRTIO_TRANSPORT_MMIO), 2);
	assert_int_equal(virtio_list_count(&f.list, VIRTIO_TRANSPORT_PCI), 1);
}

static void test_too_many(void **state)
{
	struct options_fixture f = { 0 };

	(void)state;
	for (unsigned i = 0; i < VIRTIO_MAX_DEVICES; i++)
		assert_int_equal(add(&f, &virtio_kind_rng, ""), 0);
	assert_int_equal(add(&f, &virtio_kind_rng, ""), -EINVAL);
	assert_string_equal(f.error.message, "there is room for 31 virtio devices only");
}

static void test_consoles_are_ports_of_one_device(void **state)
{
	struct options_fixture f = { .list = { .transport = VIRTIO_TRANSPORT_PCI } };
	char texts[3][64] = { "unix:/tmp/a,,b,name=org.example.agent", "stdio,transport=mmio",
			      "pty" };
	const struct console_options *console;

	(void)state;
	assert_null(virtio_list_console(&f.list));
	assert_int_equal(add(&f, &virtio_kind_rng, ""), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(virtio_list_add(&f.list, &virtio_kind_console, texts[i], &f.error),
				 0);
	assert_int_equal(f.list.nr, 2);
	assert_int_equal(virtio_list_transport(&f.list, 1), VIRTIO_TRANSPORT_MMIO);
	console = virtio_list_console(&f.list);
	assert_int_equal(console->nr, 3);
	assert_string_equal(console->ports[0].where, "unix:/tmp/a,b");
	assert_string_equal(console->ports[0].name, "org.example.agent");
	assert_string_equal(console->ports[1].where, "stdio");
	assert_null(console->ports[1].name);
	assert_string_equal(console->ports[2].where, "pty");
}

static void test_console_mistakes(void **state)
{
	struct options_fixture f = { 0 };

	(void)state;
	assert_refused(&virtio_kind_console, "", "needs a value");
	assert_refused(&virtio_kind_console, "pty,name=", "name needs a value");
	assert_refused(&virtio_kind_console, "pty,name=a/b",
		       "name 'a/b' has characters that no name of a port may have");
	assert_refused(&virtio_kind_console, "pty,name=a b",
		       "name 'a b' has characters that no name of a port may have");
	assert_refused(&virtio_kind_console, "pty,id=1", "'id' is not known");
	assert_int_equal(add(&f, &virtio_kind_console, "pty,name=one,transport=pci"), 0);
	assert_int_equal(add(&f, &virtio_kind_console, "pty,transport=mmio"), -EINVAL);
	assert_string_equal(f.error.message, "all ports are behind the same transport");
}

static void test_console_names_are_there_once(void **state)
{
	struct options_fixture f = { 0 };
	char texts[2][32] = { "pty,name=one", "none,name=one" };

	(void)state;
	assert_int_equal(virtio_list_add(&f.list, &virtio_kind_console, texts[0], &f.error), 0);
	assert_int_equal(virtio_list_add(&f.list, &virtio_kind_console, texts[1], &f.error),
			 -EINVAL);
	assert_string_equal(f.error.message, "the name 'one' is there twice");
}

static void test_too_many_ports(void **state)
{
	struct options_fixture f = { 0 };
	char texts[CONSOLE_MAX_PORTS][32];

	(void)state;
	for (unsigned i = 0; i < CONSOLE_MAX_PORTS - 1; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "none,name=port%u", i);
		assert_int_equal(virtio_list_add(&f.list, &virtio_kind_console, texts[i], &f.error),
				 0);
	}
	assert_int_equal(add(&f, &virtio_kind_console, "none,name=more"), -EINVAL);
	assert_string_equal(f.error.message, "there is room for 14 named ports and a console");
	assert_int_equal(add(&f, &virtio_kind_console, "none"), 0);
	assert_int_equal(add(&f, &virtio_kind_console, "none"), -EINVAL);
	/* Another device is no matter of these. */
	for (unsigned i = f.list.nr; i < VIRTIO_MAX_DEVICES; i++)
		assert_int_equal(add(&f, &virtio_kind_rng, ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disk_defaults),
		cmocka_unit_test(test_disk_with_everything),
		cmocka_unit_test(test_nbd_disks),
		cmocka_unit_test(test_vsock),
		cmocka_unit_test(test_commas),
		cmocka_unit_test(test_balloon),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_transports),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_net),
		cmocka_unit_test(test_net_mistakes),
		cmocka_unit_test(test_net_forwards_have_an_end),
		cmocka_unit_test(test_consoles_are_ports_of_one_device),
		cmocka_unit_test(test_console_mistakes),
		cmocka_unit_test(test_console_names_are_there_once),
		cmocka_unit_test(test_too_many_ports),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_share_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
