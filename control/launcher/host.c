/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PROC_MAX = 1 << 20 };

/* The whole of a file in /proc; the caller frees it. NULL with errno. */
static char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : malloc(PROC_MAX);
	size_t len = 0;
	ssize_t n = 1;

	while (text && n > 0 && len < PROC_MAX - 1) {
		n = read(fd, text + len, PROC_MAX - 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (text)
		text[len] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line && line[1] ? line + 1 : NULL;
}

/* --- interfaces ------------------------------------------------------------ */

int pk_host_netdev_in(const char *text, const char *ifname,
		      struct pk_host_netdev *out)
{
	size_t n = strlen(ifname);
	const char *line;

	for (line = text; line; line = next_line(line)) {
		unsigned long long v[16] = { 0 };
		const char *p = line + strspn(line, " ");
		char *end;

		if (strncmp(p, ifname, n) || p[n] != ':')
			continue;
		p += n + 1;
		for (unsigned i = 0; i < 16; i++, p = end)
			v[i] = strtoull(p, &end, 10);
		*out = (struct pk_host_netdev){ v[0], v[1], v[2],  v[3],
						v[8], v[9], v[10], v[11] };
		return 0;
	}
	return -ENODEV;
}

int pk_host_netdev(const char *ifname, struct pk_host_netdev *out)
{
	char *text = slurp("/proc/self/net/dev");
	int err;

	if (!text)
		return -errno;
	err = pk_host_netdev_in(text, ifname, out);
	free(text);
	return err;
}

static int ethtool(const char *ifname, void *command)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	struct ifreq req;

	if (fd < 0)
		return -errno;
	memset(&req, 0, sizeof(req));
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	req.ifr_data = command;
	if (ioctl(fd, SIOCETHTOOL, &req) < 0)
		err = -errno;
	close(fd);
	return err;
}

int pk_host_driver(const char *ifname, char name[PK_HOST_DRIVER])
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	int err = ethtool(ifname, &info);

	if (!err)
		snprintf(name, PK_HOST_DRIVER, "%.31s", info.driver);
	return err;
}

int pk_host_merges(const char *ifname)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GGRO };

	return !ethtool(ifname, &value) && value.data;
}

int pk_host_vdev_iface(const char *vdev, char name[IF_NAMESIZE])
{
	const char *p = strchr(vdev, ',');

	while (p) {
		size_t n = strcspn(p + 1, ",");

		if (!strncmp(p + 1, "iface=", 6) && n > 6 &&
		    n - 6 < IF_NAMESIZE) {
			memcpy(name, p + 7, n - 6);
			name[n - 6] = '\0';
			return 0;
		}
		p = strchr(p + 1, ',');
	}
	return -ENOENT;
}

/* --- routes ---------------------------------------------------------------- */

/* Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
static int is_default4(const char *line, const char *ifname)
{
	char name[IF_NAMESIZE];
	unsigned long to, mask, flags;

	return sscanf(line, "%15s %lx %*x %lx %*d %*d %*d %lx", name, &to,
		      &flags, &mask) == 4 &&
	       !to && !mask && (flags & 1) && !strcmp(name, ifname);
}

/* to, its length, from, its length, gateway, metric, refs, use, flags, name */
static int is_default6(const char *line, const char *ifname)
{
	enum { RTF_UP_BIT = 1, RTF_REJECT_BIT = 0x200 };
	char name[IF_NAMESIZE], to[33];
	unsigned long len, flags;

	return sscanf(line, "%32s %lx %*s %*x %*s %*x %*x %*x %lx %15s", to,
		      &len, &flags, name) == 4 &&
	       !len && strspn(to, "0") == 32 && (flags & RTF_UP_BIT) &&
	       !(flags & RTF_REJECT_BIT) && !strcmp(name, ifname);
}

int pk_host_is_default_in(const char *route4, const char *route6,
			  const char *ifname)
{
	const char *line;

	for (line = route4; line; line = next_line(line))
		if (is_default4(line, ifname))
			return 1;
	for (line = route6; line; line = next_line(line))
		if (is_default6(line, ifname))
			return 1;
	return 0;
}

int pk_host_is_default(const char *ifname)
{
	char *route4 = slurp("/proc/self/net/route");
	char *route6 = slurp("/proc/self/net/ipv6_route");
	int is = pk_host_is_default_in(route4, route6, ifname);

	free(route4);
	free(route6);
	return is;
}

/* --- capabilities ---------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned bit;
	unsigned also; /* the kernel takes this one instead */
} needed[] = {
	{ "CAP_BPF", CAP_BPF, CAP_SYS_ADMIN },
	{ "CAP_NET_ADMIN", CAP_NET_ADMIN, CAP_NET_ADMIN },
	{ "CAP_PERFMON", CAP_PERFMON, CAP_SYS_ADMIN },
};

unsigned pk_host_missing_caps(char *text, size_t size)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
						 0 };
	struct __user_cap_data_struct data[2] = { 0 };
	unsigned missing = 0;
	uint64_t has;
	size_t at = 0;

	text[0] = '\0';
	syscall(SYS_capget, &head, data);
	has = data[0].effective | (uint64_t)data[1].effective << 32;
	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		int n;

		if (has & (1ULL << needed[i].bit | 1ULL << needed[i].also))
			continue;
		n = snprintf(text + at, size - at, "%s%s", missing ? " " : "",
			     needed[i].name);
		if (n > 0 && at + (size_t)n < size)
			at += (size_t)n;
		missing++;
	}
	return missing;
}

/* --- bpffs ----------------------------------------------------------------- */

static int is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* `ip netns exec` mounts another /sys over the one that has the bpffs. */
static int refuse_dir(const char *dir, char *why, size_t size)
{
	snprintf(why, size,
		 "pin_dir %s is not on a bpffs: run `mount -t bpf bpf "
		 "/sys/fs/bpf`; under `ip netns exec`, which hides it, use "
		 "`nsenter --net=/run/netns/NAME` instead",
		 dir);
	return -EOPNOTSUPP;
}

int pk_host_pin_dir(const char *dir, char *why, size_t size)
{
	char path[256];
	size_t len = strlen(dir);

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, len + 1);
	/* nothing is made outside a bpffs: find the deepest that exists */
	for (char *p = path + len; access(path, F_OK) && p > path; p--)
		if (*p == '/')
			*p = '\0';
	if (!is_bpffs(path[0] ? path : "/"))
		return refuse_dir(dir, why, size);
	for (size_t i = strlen(path); i <= len; i++) {
		if (dir[i] != '/' && dir[i])
			continue;
		memcpy(path, dir, i);
		path[i] = '\0';
		if (mkdir(path, 0700) && errno != EEXIST) {
			int err = -errno;

			snprintf(why, size, "%s cannot be made: %s", path,
				 strerror(-err));
			return err;
		}
	}
	return 0;
}
