/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/own.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 512 };

void pk_own_fini(struct pk_own *own)
{
	free(own->all);
	memset(own, 0, sizeof(*own));
}

static int add(struct pk_own *own, const char *what, const char *interface,
	       const union pk_addr *addr, unsigned bits)
{
	struct pk_guard_own *one;
	unsigned room = own->room ? own->room * 2 : 64;

	if (own->count == PK_OWN_MAX) {
		own->left_out++;
		return 0;
	}
	if (own->count == own->room) {
		one = realloc(own->all, room * sizeof(*one));
		if (!one)
			return -ENOMEM;
		own->all = one;
		own->room = room;
	}
	one = &own->all[own->count++];
	one->addr = *addr;
	one->bits = (uint8_t)bits;
	snprintf(one->label, sizeof(one->label), "%s of %.15s", what,
		 interface);
	return 0;
}

static bool is_link_local(const union pk_addr *addr)
{
	if (pk_is_v4(addr))
		return addr->b[12] == 169 && addr->b[13] == 254;
	return addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80;
}

int pk_own_add(struct pk_own *own, unsigned kinds, const char *interface,
	       const union pk_addr *addr, unsigned bits)
{
	unsigned width = pk_is_v4(addr) ? 32 : 128;
	int err = 0;

	if (is_link_local(addr))
		return 0;
	if (kinds & PK_OWN_ADDRESSES)
		err = add(own, "address", interface, addr, width);
	/* A mask of 0 bits says nothing. */
	if (!err && kinds & PK_OWN_PREFIXES && bits && bits < width)
		err = add(own, "network", interface, addr, bits);
	return err;
}

/* --- routes ----------------------------------------------------------------- */

/* A full routing table names few gateways, many times. */
static int add_gateway(struct pk_own *own, const char *interface,
		       const union pk_addr *addr)
{
	unsigned width = pk_is_v4(addr) ? 32 : 128;

	if (is_link_local(addr))
		return 0;
	for (unsigned i = 0; i < own->count; i++)
		if (own->all[i].label[0] == 'g' &&
		    !memcmp(&own->all[i].addr, addr, sizeof(*addr)))
			return 0;
	return add(own, "gateway", interface, addr, width);
}

/* Iface Destination Gateway Flags ...: words as the host has them in memory. */
static int route4(struct pk_own *own, const char *line)
{
	union pk_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };
	unsigned gateway, flags;
	char interface[IF_NAMESIZE];

	if (sscanf(line, "%15s %*8x %8x %4x", interface, &gateway, &flags) !=
		    3 ||
	    !(flags & RTF_GATEWAY) || !gateway)
		return 0;
	addr.w[3] = gateway;
	return add_gateway(own, interface, &addr);
}

static bool read_hex(const char *text, union pk_addr *addr)
{
	for (unsigned i = 0; i < sizeof(addr->b); i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		addr->b[i] = (uint8_t)byte;
	}
	return true;
}

/* dest bits src bits gateway metric refs uses flags interface */
static int route6(struct pk_own *own, const char *line)
{
	static const union pk_addr none;
	char gateway[33], interface[IF_NAMESIZE];
	union pk_addr addr;
	unsigned flags;

	if (sscanf(line, "%*32s %*2s %*32s %*2s %32s %*8s %*8s %*8s %8x %15s",
		   gateway, &flags, interface) != 3 ||
	    strlen(gateway) != 32 || !(flags & RTF_GATEWAY) ||
	    !read_hex(gateway, &addr) || !memcmp(&addr, &none, sizeof(addr)))
		return 0;
	return add_gateway(own, interface, &addr);
}

typedef int route_fn(struct pk_own *own, const char *line);

static int each_line(struct pk_own *own, const char *text, size_t len,
		     route_fn *fn)
{
	const char *end = text + len;
	char line[LINE_MAX_BYTES];
	int err = 0;

	while (!err && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);

		if (n < sizeof(line)) {
			memcpy(line, text, n);
			line[n] = 0;
			err = fn(own, line);
		}
		text += n + 1;
	}
	return err;
}

int pk_own_parse_route(struct pk_own *own, const char *text, size_t len)
{
	return each_line(own, text, len, route4);
}

int pk_own_parse_route6(struct pk_own *own, const char *text, size_t len)
{
	return each_line(own, text, len, route6);
}

static int read_file(struct pk_own *own, const char *path, route_fn *fn)
{
	FILE *in = fopen(path, "re");
	char line[LINE_MAX_BYTES];
	int err = 0;

	if (!in)
		return errno == ENOENT ? 0 : -errno; /* no IPv6 */
	while (!err && fgets(line, sizeof(line), in))
		err = fn(own, line);
	fclose(in);
	return err;
}

/* --- interfaces ------------------------------------------------------------- */

static unsigned count_bits(const uint8_t *mask, unsigned bytes)
{
	unsigned bits = 0;

	while (bits < bytes * 8 && mask[bits / 8] & 0x80 >> bits % 8)
		bits++;
	return bits;
}

static int add_interface(struct pk_own *own, unsigned kinds,
			 const struct ifaddrs *i)
{
	union pk_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };
	unsigned bits = 0;

	if (!i->ifa_addr || i->ifa_flags & IFF_LOOPBACK)
		return 0;
	if (i->ifa_addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)i->ifa_addr;
		const struct sockaddr_in *mask = (const void *)i->ifa_netmask;

		memcpy(&addr.b[12], &in->sin_addr, 4);
		if (mask)
			bits = count_bits((const void *)&mask->sin_addr, 4);
	} else if (i->ifa_addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)i->ifa_addr;
		const struct sockaddr_in6 *mask = (const void *)i->ifa_netmask;

		memcpy(&addr, &in->sin6_addr, sizeof(addr));
		if (mask)
			bits = count_bits((const void *)&mask->sin6_addr, 16);
	} else {
		return 0;
	}
	return pk_own_add(own, kinds, i->ifa_name, &addr, bits);
}

int pk_own_read(struct pk_own *own, unsigned kinds)
{
	struct ifaddrs *list = NULL;
	int err = 0;

	own->count = own->left_out = 0;
	if (kinds & (PK_OWN_ADDRESSES | PK_OWN_PREFIXES)) {
		if (getifaddrs(&list))
			return -errno;
		for (struct ifaddrs *i = list; i && !err; i = i->ifa_next)
			err = add_interface(own, kinds, i);
		freeifaddrs(list);
	}
	if (!err && kinds & PK_OWN_GATEWAYS)
		err = read_file(own, "/proc/net/route", route4);
	if (!err && kinds & PK_OWN_GATEWAYS)
		err = read_file(own, "/proc/net/ipv6_route", route6);
	return err;
}
