/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/netdev.h"

#include <dirent.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void pk_netdev_init(struct pk_netdev *d)
{
	memset(d, 0, sizeof(*d));
	d->own_fd = -1;
}

static int ask(const struct pk_netdev *d, unsigned long request,
	       struct ifreq *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->ifr_name, d->name, sizeof(out->ifr_name));
	return ioctl(d->own_fd, request, out) < 0 ? -errno : 0;
}

int pk_netdev_open(struct pk_netdev *d, const char *iface, pk_say_fn *say,
		   void *arg)
{
	struct ifreq req;
	int err;

	if (!*iface || strlen(iface) >= sizeof(d->name)) {
		pk_say(say, arg,
		       "interface \"%s\": not a name of 1 to %zu bytes", iface,
		       sizeof(d->name) - 1);
		return -ENODEV;
	}
	memcpy(d->name, iface, strlen(iface) + 1);
	d->own_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (d->own_fd < 0) {
		err = -errno;
		pk_say(say, arg,
		       "interface %s: no packet socket (%s): CAP_NET_RAW is needed to start",
		       iface, strerror(-err));
		return err;
	}
	err = ask(d, SIOCGIFINDEX, &req);
	if (err) {
		pk_say(say, arg,
		       "interface %s: %s: create it first, or correct iface= (ip link shows what there is)",
		       iface, strerror(-err));
		return err;
	}
	d->ifindex = (unsigned)req.ifr_ifindex;
	err = ask(d, SIOCGIFMTU, &req);
	d->mtu = (unsigned)req.ifr_mtu;
	return err;
}

void pk_netdev_close(struct pk_netdev *d)
{
	if (d->own_fd >= 0)
		close(d->own_fd);
	pk_netdev_init(d);
}

int pk_netdev_promiscuous(struct pk_netdev *d)
{
	struct packet_mreq req = { .mr_ifindex = (int)d->ifindex,
				   .mr_type = PACKET_MR_PROMISC };

	if (d->own_fd < 0)
		return 0;
	return setsockopt(d->own_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &req,
			  sizeof(req))
		       ? -errno
		       : 0;
}

/* PACKET_IGNORE_OUTGOING is not heeded in a fanout group: a filter is. */
static int pass_received_only(int fd)
{
	struct sock_filter code[] = {
		{ BPF_LD | BPF_B | BPF_ABS, 0, 0,
		  (__u32)(SKF_AD_OFF + SKF_AD_PKTTYPE) },
		{ BPF_JMP | BPF_JEQ | BPF_K, 1, 0, PACKET_OUTGOING },
		{ BPF_RET | BPF_K, 0, 0, 0xffffffff },
		{ BPF_RET | BPF_K, 0, 0, 0 },
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog))
		       ? -errno
		       : 0;
}

static int is_packet_socket(int fd)
{
	socklen_t len = sizeof(int);
	int domain = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
	       domain == AF_PACKET;
}

int pk_netdev_find_sockets(struct pk_netdev *d)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	d->sockets = 0;
	while (!err && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd == d->own_fd || !is_packet_socket(fd) ||
		    d->sockets == PK_WORKERS_MAX)
			continue;
		d->socket[d->sockets++] = fd;
		err = pass_received_only(fd);
	}
	closedir(dir);
	return err;
}

uint64_t pk_netdev_drops(struct pk_netdev *d)
{
	for (unsigned i = 0; i < d->sockets; i++) {
		struct tpacket_stats stats = { 0, 0 };
		socklen_t len = sizeof(stats);

		if (!getsockopt(d->socket[i], SOL_PACKET, PACKET_STATISTICS,
				&stats, &len))
			d->drops += stats.tp_drops;
	}
	return d->drops;
}

int pk_netdev_check(const struct pk_netdev *d, unsigned *mtu)
{
	struct ifreq req;

	*mtu = d->mtu;
	if (d->own_fd < 0)
		return 0;
	if (ask(d, SIOCGIFINDEX, &req) ||
	    (unsigned)req.ifr_ifindex != d->ifindex)
		return -ENODEV;
	if (!ask(d, SIOCGIFMTU, &req))
		*mtu = (unsigned)req.ifr_mtu;
	return 0;
}

int pk_netdev_merges(const struct pk_netdev *d)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GGRO };
	struct ifreq req;

	if (d->own_fd < 0)
		return 0;
	memset(&req, 0, sizeof(req));
	memcpy(req.ifr_name, d->name, sizeof(req.ifr_name));
	req.ifr_data = (char *)&value;
	return !ioctl(d->own_fd, SIOCETHTOOL, &req) && value.data;
}
