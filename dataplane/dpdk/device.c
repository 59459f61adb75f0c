/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/device.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

enum {
	FRAME_SMALL = 2048,   /* bytes of a ring frame */
	FRAME_LARGE = 32768,  /* the longest that an mbuf can take over */
	RING_BYTES = 4 << 20, /* of a queue's receive ring */
	LINK_BYTES = 14 + 4,  /* Ethernet and an inner VLAN tag */
	BUFFERS = 4096, /* for a NIC's descriptors and what is on its way */
	QUEUE_BUFFERS = 4096, /* more a queue */
	XDP_BUFFERS = 16384,  /* net_af_xdp fills 4,096 places and keeps more */
	BUFFER_OVERHEAD = 512, /* bytes: mbuf, pool header, alignment */
	EAL_MIB = 48,	       /* DPDK's own tables */
	DEFAULT_MTU = 1500,
};

/* Where the kernel puts the link header in a ring frame (packet_mmap). */
enum { FRAME_OFFSET = TPACKET_ALIGN(TPACKET2_HDRLEN + 16) - 14 };

struct driver {
	const char *name;
	int (*examine)(struct pk_device *d, const struct pk_options *o,
		       pk_say_fn *say, void *arg);
};

__attribute__((format(printf, 2, 3))) static void append(struct pk_device *d,
							 const char *format,
							 ...)
{
	size_t used = strlen(d->text);
	va_list args;

	va_start(args, format);
	vsnprintf(d->text + used, sizeof(d->text) - used, format, args);
	va_end(args);
}

/* The number under @key, or @otherwise when it is absent. */
static unsigned number_arg(const struct pk_device *d, const char *key,
			   unsigned otherwise)
{
	char text[16];

	if (pk_options_device_arg(d->text, key, 0, text, sizeof(text)) < 0)
		return otherwise;
	return (unsigned)strtoul(text, NULL, 10);
}

static int open_iface(struct pk_device *d, pk_say_fn *say, void *arg)
{
	char iface[PATH_MAX];

	if (pk_options_device_arg(d->text, "iface", 0, iface, sizeof(iface)) <
	    0) {
		pk_say(say, arg,
		       "device %s: iface=NAME is missing: the interface to receive from",
		       d->text);
		return -EINVAL;
	}
	return pk_netdev_open(&d->net, iface, say, arg);
}

/* The driver's queues must be as many as our workers. */
static int match_queues(struct pk_device *d, const char *key, unsigned workers,
			pk_say_fn *say, void *arg)
{
	unsigned queues = number_arg(d, key, 0);

	if (!queues)
		append(d, ",%s=%u", key, workers);
	if (!queues || queues == workers)
		return 0;
	pk_say(say, arg,
	       "device %s: %s differs from --workers %u: leave %s out, it follows",
	       d->text, key, workers, key);
	return -EINVAL;
}

static unsigned power_above(unsigned bytes)
{
	unsigned size = FRAME_SMALL;

	while (size < bytes && size < FRAME_LARGE)
		size *= 2;
	return size;
}

static int examine_af_packet(struct pk_device *d, const struct pk_options *o,
			     pk_say_fn *say, void *arg)
{
	unsigned needed, frame, block;
	int err = open_iface(d, say, arg);

	if (err)
		return err;
	needed = d->net.mtu + LINK_BYTES + FRAME_OFFSET;
	frame = number_arg(d, "framesz", 0);
	if (!frame) {
		frame = power_above(needed);
		append(d, ",framesz=%u", frame);
	}
	if (frame < needed) {
		pk_say(say, arg,
		       "interface %s: MTU %u needs ring frames of %u bytes, framesz=%u would cut packets: %s",
		       d->net.name, d->net.mtu, needed, frame,
		       frame < FRAME_LARGE
			       ? "leave framesz and blocksz out, or raise them"
			       : "lower the interface's MTU");
		return -EINVAL;
	}
	block = number_arg(d, "blocksz", 0);
	if (!block) {
		block = RTE_MAX(frame, (unsigned)getpagesize());
		append(d, ",blocksz=%u", block);
	}
	/* The driver counts frames as if blocks had no rest. */
	if (block % frame) {
		pk_say(say, arg,
		       "device %s: blocksz=%u is not a multiple of framesz=%u: leave blocksz out",
		       d->text, block, frame);
		return -EINVAL;
	}
	if (!number_arg(d, "framecnt", 0))
		append(d, ",framecnt=%u", RING_BYTES / frame);
	d->af_packet = 1;
	d->frame_room = frame - FRAME_OFFSET;
	d->buffer_bytes = frame;
	return match_queues(d, "qpairs", o->workers, say, arg);
}

static int examine_af_xdp(struct pk_device *d, const struct pk_options *o,
			  pk_say_fn *say, void *arg)
{
	int err = open_iface(d, say, arg);

	d->buffers = XDP_BUFFERS * o->workers;
	return err ? err : match_queues(d, "queue_count", o->workers, say, arg);
}

static int examine_pcap(struct pk_device *d, const struct pk_options *o,
			pk_say_fn *say, void *arg)
{
	char path[PATH_MAX];
	unsigned files = 0;

	while (pk_options_device_arg(d->text, "rx_pcap", files, path,
				     sizeof(path)) >= 0) {
		files++;
		if (!access(path, R_OK))
			continue;
		pk_say(say, arg,
		       "capture %s: %s: correct rx_pcap= in the device", path,
		       strerror(errno));
		return -ENOENT;
	}
	if (!files || files == o->workers)
		return 0;
	pk_say(say, arg,
	       "device net_pcap: %u captures for --workers %u: give one rx_pcap= a worker",
	       files, o->workers);
	return -EINVAL;
}

static int examine_nothing(struct pk_device *d, const struct pk_options *o,
			   pk_say_fn *say, void *arg)
{
	(void)d, (void)o, (void)say, (void)arg;
	return 0;
}

static const struct driver drivers[] = {
	{ "net_af_packet", examine_af_packet },
	{ "net_af_xdp", examine_af_xdp },
	{ "net_pcap", examine_pcap },
	{ "net_tap", examine_nothing },
	{ "net_null", examine_nothing },
	{ "net_ring", examine_nothing },
};

/* "net_tap0,..": a driver's name, then digits or nothing, then the rest. */
static const struct driver *driver_of(const char *device)
{
	for (size_t i = 0; i < RTE_DIM(drivers); i++) {
		size_t len = strlen(drivers[i].name);

		if (strncmp(device, drivers[i].name, len))
			continue;
		while (isdigit((unsigned char)device[len]))
			len++;
		if (!device[len] || device[len] == ',')
			return &drivers[i];
	}
	return NULL;
}

static int examine_vdev(struct pk_device *d, const struct pk_options *o,
			pk_say_fn *say, void *arg)
{
	const struct driver *driver = driver_of(o->vdev);

	if (!driver) {
		pk_say(say, arg,
		       "device \"%s\": no such driver: net_af_packet, net_af_xdp, net_tap, net_pcap, net_null and net_ring are known, as in net_af_packet0,iface=eth1",
		       o->vdev);
		return -ENODEV;
	}
	if (strlen(o->vdev) > sizeof(d->text) - 256) {
		pk_say(say, arg, "device %.64s..: longer than %zu bytes",
		       o->vdev, sizeof(d->text) - 256);
		return -EINVAL;
	}
	append(d, "%s", o->vdev);
	return driver->examine(d, o, say, arg);
}

/* The driver that a device is bound to, or "". */
static void pci_driver(const char *address, char *out, size_t size)
{
	char path[PATH_MAX], target[256];
	const char *name;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
	len = readlink(path, target, sizeof(target) - 1);
	target[len < 0 ? 0 : len] = '\0';
	name = strrchr(target, '/');
	snprintf(out, size, "%.*s", (int)size - 1, name ? name + 1 : target);
}

static int is_bound(const char *driver)
{
	return !strcmp(driver, "vfio-pci") || !strncmp(driver, "uio_", 4) ||
	       !strcmp(driver, "igb_uio") || !strncmp(driver, "mlx", 3);
}

static int examine_pci(struct pk_device *d, const struct pk_options *o,
		       pk_say_fn *say, void *arg)
{
	char driver[64], path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", o->pci);
	if (strchr(o->pci, '/') || access(path, F_OK)) {
		pk_say(say, arg,
		       "PCI device \"%s\": not there: give the full address, like 0000:03:00.0 (lspci -D)",
		       o->pci);
		return -ENODEV;
	}
	pci_driver(o->pci, driver, sizeof(driver));
	if (!is_bound(driver)) {
		pk_say(say, arg,
		       "PCI device %s: belongs to %s: bind it to vfio-pci first (dpdk-devbind.py -b vfio-pci %s)",
		       o->pci, *driver ? driver : "no driver", o->pci);
		return -EBUSY;
	}
	if (o->no_huge && strncmp(driver, "vfio", 4)) {
		pk_say(say, arg,
		       "PCI device %s: %s needs hugepages: leave --no-huge out, or bind it to vfio-pci",
		       o->pci, driver);
		return -EINVAL;
	}
	d->pci = 1;
	d->mtu = o->mtu ? o->mtu : DEFAULT_MTU;
	d->buffer_bytes = RTE_ALIGN(d->mtu + 64, 1024U);
	append(d, "%s", o->pci);
	return 0;
}

/* On ordinary pages a buffer begins a page of its own. */
static unsigned needed_mib(const struct pk_device *d, unsigned no_huge)
{
	uint64_t bytes = d->buffer_bytes + BUFFER_OVERHEAD;

	if (no_huge)
		bytes = RTE_ALIGN(bytes, (uint64_t)getpagesize());
	return EAL_MIB + (unsigned)(bytes * d->buffers >> 20);
}

int pk_device_open(struct pk_device *d, const struct pk_options *o,
		   pk_say_fn *say, void *arg)
{
	int err;

	memset(d, 0, sizeof(*d));
	pk_netdev_init(&d->net);
	d->buffers = BUFFERS + QUEUE_BUFFERS * o->workers;
	err = o->pci ? examine_pci(d, o, say, arg)
		     : examine_vdev(d, o, say, arg);
	if (err)
		return err;
	d->buffer_bytes = RTE_MAX(d->buffer_bytes, (unsigned)FRAME_SMALL) +
			  RTE_PKTMBUF_HEADROOM;
	d->memory_mib = needed_mib(d, o->no_huge);
	return 0;
}

void pk_device_close(struct pk_device *d)
{
	pk_netdev_close(&d->net);
}
