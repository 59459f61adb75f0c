/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/spec.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

#define LETTERS                      \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz0123456789"

enum { KEYS = 5, NUMBER_DIGITS = 10, ITEM = 64 };

struct driver {
	const char *name;
	int asked; /* may be asked for on the control socket */
	const char *key[KEYS];
};

static const struct driver drivers[] = {
	{ "net_af_packet",
	  1,
	  { "iface", "qpairs", "blocksz", "framesz", "framecnt" } },
	{ "net_af_xdp", 1, { "iface", "start_queue", "queue_count" } },
	{ "net_null", 1, { "size", "copy" } },
	{ "net_ring", 1, { NULL } },
	{ "net_pcap", 0, { NULL } },
	{ "net_tap", 0, { NULL } },
};

/* --- spelling -------------------------------------------------------------- */

/* A leading hyphen would be an option on the plane's command line. */
static int is_made_of(const char *s, const char *set, size_t max)
{
	size_t len = strlen(s);

	return len && len <= max && s[0] != '-' && strspn(s, set) == len;
}

int pk_spec_is_iface(const char *text)
{
	return is_made_of(text, LETTERS "._:@-", IF_NAMESIZE - 1) &&
	       strcmp(text, ".") && strcmp(text, "..");
}

int pk_spec_is_port(const char *text)
{
	return is_made_of(text, LETTERS "._-", PK_SPEC_PORT) &&
	       text[0] != '.' && strcmp(text, PK_SPEC_XDP_NAME);
}

/* domain:bus:device.function, hexadecimal. */
int pk_spec_is_pci(const char *text)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	size_t domain = strspn(text, hex);
	const char *p = text + domain;

	return domain >= 4 && domain <= 8 && p[0] == ':' &&
	       strspn(p + 1, hex) == 2 && p[3] == ':' &&
	       strspn(p + 4, hex) == 2 && p[6] == '.' && p[7] >= '0' &&
	       p[7] <= '7' && !p[8];
}

/* "net_tap0,..": a driver's name, then digits or nothing, then the rest. */
static const struct driver *driver_of(const char *device)
{
	for (size_t i = 0; i < LEN(drivers); i++) {
		size_t len = strlen(drivers[i].name);

		if (strncmp(device, drivers[i].name, len))
			continue;
		len += strspn(device + len, "0123456789");
		if (!device[len] || device[len] == ',')
			return &drivers[i];
	}
	return NULL;
}

static int is_printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return 0;
	return 1;
}

int pk_spec_is_vdev(const char *text)
{
	return driver_of(text) && is_printable(text);
}

/* --- what may be asked for -------------------------------------------------- */

/* The @n-th "key=value" of a device from 0, cut to ITEM. 0: no more. */
static int item(const char *device, unsigned n, char key[ITEM],
		char value[ITEM])
{
	const char *p = strchr(device, ',');
	size_t len, name;

	while (p && n--)
		p = strchr(p + 1, ',');
	if (!p)
		return 0;
	len = strcspn(++p, ",");
	name = strcspn(p, "=,");
	snprintf(key, ITEM, "%.*s", (int)name, p);
	snprintf(value, ITEM, "%.*s", name < len ? (int)(len - name - 1) : 0,
		 name < len ? p + name + 1 : "");
	return 1;
}

static int is_listed(const struct driver *d, const char *key)
{
	for (unsigned i = 0; i < KEYS && d->key[i]; i++)
		if (!strcmp(d->key[i], key))
			return 1;
	return 0;
}

static int is_number(const char *text)
{
	size_t len = strspn(text, "0123456789");

	return len && len <= NUMBER_DIGITS && !text[len];
}

static int is_repeated(const char *device, unsigned n, const char *key)
{
	char other[ITEM], value[ITEM];

	for (unsigned i = 0; i < n && item(device, i, other, value); i++)
		if (!strcmp(other, key))
			return 1;
	return 0;
}

static void list_keys(const struct driver *d, char *out, size_t size)
{
	size_t at = 0;

	snprintf(out, size, "%s", d->key[0] ? "" : "none");
	for (unsigned i = 0; i < KEYS && d->key[i] && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s",
				       i ? ", " : "", d->key[i]);
}

static int refuse_key(const struct driver *d, const char *key, char *why,
		      size_t size)
{
	char keys[128];

	list_keys(d, keys, sizeof(keys));
	snprintf(why, size,
		 "device %s: the key \"%.40s\" may not be asked for (%s may): "
		 "write the port into the configuration file",
		 d->name, key, keys);
	return -EOPNOTSUPP;
}

static int check_items(const struct driver *d, const char *device, char *why,
		       size_t size)
{
	char key[ITEM], value[ITEM];

	for (unsigned i = 0; item(device, i, key, value); i++) {
		int is_iface = !strcmp(key, "iface");

		if (!is_listed(d, key))
			return refuse_key(d, key, why, size);
		if (is_repeated(device, i, key)) {
			snprintf(why, size, "device %s: %s is there twice",
				 d->name, key);
			return -EINVAL;
		}
		if (is_iface ? pk_spec_is_iface(value) : is_number(value))
			continue;
		snprintf(why, size, "device %s: %s must be %s", d->name, key,
			 is_iface ? "the name of an interface" : "a number");
		return -EINVAL;
	}
	return 0;
}

static int refuse_driver(const struct driver *d, const char *device, char *why,
			 size_t size)
{
	char key[ITEM] = "", value[ITEM];

	item(device, 0, key, value);
	snprintf(why, size,
		 "device %s%s%.40s may not be asked for, it opens files as "
		 "root: write the port into the configuration file",
		 d->name, *key ? " with the key " : "", key);
	return -EOPNOTSUPP;
}

int pk_spec_may_ask(const char *device, int pci, char *why, size_t size)
{
	const struct driver *d = driver_of(device);

	if (pci && !pk_spec_is_pci(device)) {
		snprintf(why, size,
			 "PCI device \"%.40s\": give the full address, like "
			 "0000:03:00.0 (lspci -D)",
			 device);
		return -EINVAL;
	}
	if (pci)
		return 0;
	if (!d) {
		snprintf(why, size,
			 "device \"%.40s\": no such driver: net_af_packet, "
			 "net_af_xdp, net_null and net_ring are known, as in "
			 "net_af_packet0,iface=eth1",
			 device);
		return -EINVAL;
	}
	if (!d->asked)
		return refuse_driver(d, device, why, size);
	return check_items(d, device, why, size);
}
