/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/offered.h"

#include <stdio.h>
#include <string.h>

#include "control/launcher/host.h"

/* Measured, not believed: see offered.h. */
static const char *const drivers[] = { "veth", NULL };

/* --- numbers ---------------------------------------------------------------- */

void pk_offered_gap(struct pk_offered *o, uint64_t accounted)
{
	uint64_t offered = o->count - o->base;

	if (o->known && offered > accounted + o->gap)
		o->gap = offered - accounted;
}

void pk_offered_begin(struct pk_offered *o, uint64_t count, uint64_t accounted)
{
	pk_offered_look(o, count);
	pk_offered_gap(o, accounted);
	o->known = 1;
	o->count = count;
	o->base = count - accounted - o->gap;
}

void pk_offered_end(struct pk_offered *o, const char *why)
{
	o->known = 0;
	snprintf(o->why, sizeof(o->why), "%s", why);
}

void pk_offered_look(struct pk_offered *o, uint64_t count)
{
	if (o->known && count < o->count)
		pk_offered_end(o, "its interface is another one now");
	o->count = count;
}

void pk_offered_tell(const struct pk_offered *o, struct pk_audit_plane *out)
{
	out->offers = o->known;
	out->known.offered = o->known ? o->count - o->base : 0;
	out->known.gap_frames = o->gap;
	out->known.edge_frames = o->edge;
	out->note[0] = '\0';
	if (!o->known && o->why[0])
		snprintf(out->note, sizeof(out->note), "%s", o->why);
}

/* --- an interface ----------------------------------------------------------- */

int pk_offered_why_not(const char *iface, char *why, size_t size)
{
	char driver[PK_HOST_DRIVER];
	const char *const *d;

	if (pk_host_driver(iface, driver)) {
		snprintf(why, size, "the driver of %.15s is unknown", iface);
		return 1;
	}
	for (d = drivers; *d && strcmp(*d, driver) != 0; d++)
		;
	if (!*d)
		snprintf(why, size, "driver %s of %.15s may count otherwise",
			 driver, iface);
	return !*d;
}

/* --- a port ----------------------------------------------------------------- */

static uint64_t accounted(const struct pk_stage_counters *s)
{
	return s->nic_packets + s->nic_missed + s->nic_errors + s->nic_nombuf +
	       s->socket_drops;
}

/* Only a packet socket is given what the interface counts as received. */
static int find_iface(struct pk_offered *o, const char *device)
{
	char why[PK_AUDIT_NOTE];

	o->iface[0] = '\0';
	if (strncmp(device, "net_af_packet", 13) != 0 ||
	    pk_host_vdev_iface(device, o->iface)) {
		pk_offered_end(o, "nothing but its driver counts its frames");
		return -1;
	}
	if (pk_offered_why_not(o->iface, why, sizeof(why))) {
		pk_offered_end(o, why);
		return -1;
	}
	if (pk_host_merges(o->iface)) {
		snprintf(why, sizeof(why), "%s merges packets (GRO)", o->iface);
		pk_offered_end(o, why);
		return -1;
	}
	return 0;
}

void pk_offered_port_starts(struct pk_offered *o, const char *device)
{
	struct pk_host_netdev now;

	if (find_iface(o, device))
		o->iface[0] = '\0';
	else if (pk_host_netdev(o->iface, &now))
		pk_offered_end(o, "its interface is gone");
	else
		o->before = now.rx_packets;
}

void pk_offered_port_runs(struct pk_offered *o,
			  const struct pk_stage_counters *stage)
{
	struct pk_host_netdev now;

	if (!o->iface[0] || pk_host_netdev(o->iface, &now))
		return;
	if (now.rx_packets >= o->before)
		o->edge += now.rx_packets - o->before;
	pk_offered_begin(o, now.rx_packets, accounted(stage));
}

void pk_offered_port_look(struct pk_offered *o, int runs,
			  const struct pk_stage_counters *stage)
{
	struct pk_host_netdev now;

	if (!o->known)
		return;
	if (pk_host_netdev(o->iface, &now))
		pk_offered_end(o, "its interface is gone");
	else
		pk_offered_look(o, now.rx_packets);
	if (!runs)
		pk_offered_gap(o, accounted(stage));
}
