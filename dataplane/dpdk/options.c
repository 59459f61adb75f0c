/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 32, MEMORY_MIB_MAX = 1 << 20, MTU_MIN = 68 };

enum option_number {
	NAME = 1,
	VDEV,
	PCI,
	WORKERS,
	HUGE_NO,
	MEMORY,
	MTU,
	FRAMES,
	UID,
	GID
};

static const struct option known[] = {
	{ "name", required_argument, NULL, NAME },
	{ "vdev", required_argument, NULL, VDEV },
	{ "pci", required_argument, NULL, PCI },
	{ "workers", required_argument, NULL, WORKERS },
	{ "no-huge", no_argument, NULL, HUGE_NO },
	{ "memory", required_argument, NULL, MEMORY },
	{ "mtu", required_argument, NULL, MTU },
	{ "frames", required_argument, NULL, FRAMES },
	{ "uid", required_argument, NULL, UID },
	{ "gid", required_argument, NULL, GID },
	{ NULL, 0, NULL, 0 },
};

/* A whole number in [@low, @high] that ends at @stop or at the text's end. */
static int read_number(const char *text, char stop, const uint64_t range[2],
		       uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno || (*end && *end != stop))
		return -EINVAL;
	return *out < range[0] || *out > range[1] ? -EINVAL : 0;
}

static int set_number(const char *text, uint64_t low, uint64_t high,
		      unsigned *out)
{
	const uint64_t range[2] = { low, high };
	uint64_t number;

	if (read_number(text, '\0', range, &number))
		return -EINVAL;
	*out = (unsigned)number;
	return 0;
}

static int set_frames(struct pk_options *o, const char *text)
{
	const uint64_t range[2] = { 0, UINT64_MAX };

	o->queues = 0;
	while (text) {
		if (o->queues == PK_WORKERS_MAX ||
		    read_number(text, ',', range, &o->frames[o->queues]))
			return -EINVAL;
		o->queues++;
		text = strchr(text, ',');
		text = text ? text + 1 : NULL;
	}
	return 0;
}

static int set_name(struct pk_options *o, const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-_.");

	if (!len || len > NAME_BYTES || text[len] || text[0] == '.')
		return -EINVAL;
	o->name = text;
	return 0;
}

static int set_option(struct pk_options *o, int number, const char *text)
{
	switch (number) {
	case NAME:
		return set_name(o, text);
	case VDEV:
		o->vdev = text;
		return 0;
	case PCI:
		o->pci = text;
		return 0;
	case WORKERS:
		return set_number(text, 1, PK_WORKERS_MAX, &o->workers);
	case HUGE_NO:
		o->no_huge = 1;
		return 0;
	case MEMORY:
		return set_number(text, 1, MEMORY_MIB_MAX, &o->memory_mib);
	case MTU:
		return set_number(text, MTU_MIN, UINT16_MAX, &o->mtu);
	case FRAMES:
		return set_frames(o, text);
	case UID:
		return set_number(text, 1, UINT32_MAX - 1, &o->uid);
	case GID:
		return set_number(text, 1, UINT32_MAX - 1, &o->gid);
	}
	return -EINVAL;
}

/* What fits together? The missing or surplus piece, or NULL. */
static const char *discord(const struct pk_options *o)
{
	if (!o->name)
		return "--name NAME is missing: the port's name";
	if (!o->vdev == !o->pci)
		return "give either --vdev DEVICE or --pci ADDRESS";
	if (o->queues && o->queues != o->workers)
		return "--frames needs one number a worker (--workers)";
	if (!o->uid != !o->gid)
		return "--uid and --gid belong together";
	return NULL;
}

int pk_options_parse(struct pk_options *o, int argc, char **argv,
		     pk_say_fn *say, void *arg)
{
	const char *wrong;
	int number, at = 0;

	memset(o, 0, sizeof(*o));
	o->workers = 1;
	optind = 1;
	opterr = 0;
	while ((number = getopt_long(argc, argv, "", known, &at)) != -1) {
		if (number == '?' || number == ':') {
			pk_say(say, arg,
			       "%s: unknown option, or its value is missing",
			       argv[optind - 1]);
			return -EINVAL;
		}
		if (set_option(o, number, optarg)) {
			pk_say(say, arg, "--%s: \"%s\" is not usable",
			       known[at].name, optarg);
			return -EINVAL;
		}
	}
	if (optind < argc)
		pk_say(say, arg, "\"%s\": nothing is expected here",
		       argv[optind]);
	wrong = discord(o);
	if (wrong)
		pk_say(say, arg, "%s", wrong);
	return wrong || optind < argc ? -EINVAL : 0;
}

int pk_options_device_arg(const char *device, const char *key, unsigned nth,
			  char *out, unsigned size)
{
	size_t len = strlen(key);

	for (device = strchr(device, ','); device;
	     device = strchr(device + 1, ',')) {
		const char *value = device + 1 + len + 1;

		if (strncmp(device + 1, key, len) || device[1 + len] != '=')
			continue;
		if (nth--)
			continue;
		len = strcspn(value, ",");
		snprintf(out, size, "%.*s", (int)len, value);
		return (int)len;
	}
	return -ENOENT;
}
