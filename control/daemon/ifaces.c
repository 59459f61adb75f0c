/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/ifaces.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "control/log.h"
#include "control/daemon/offered.h"

enum {
	SLOTS_MIN = 1 << 20,
	PORT_MAX = 4096,
	POLL_FRAMES = 64, /* a driver adds them up at the end of a poll */
};

enum step { OPEN, KERNEL, PLANE, ATTACH };

struct job {
	struct job *next;
	struct pk_ifaces *ifaces;
	char name[IF_NAMESIZE]; /* "" : only what is attached already */
	uint32_t flags;
	uint16_t port;
	uint64_t before; /* frames received when ATTACH was asked for */
	pk_ifaces_fn *fn;
	void *arg;
};

struct pk_ifaces {
	struct pk_ifaces_conf conf;
	struct pk_planes_kernel kernel; /* counters NULL: not open */
	struct job *first;		/* under way; the others wait */
	struct pk_offered offered;	/* of all interfaces together */
	struct pk_iface_view iface[PK_IFACES_MAX];
};

static void run(struct job *j, enum step step);

/* --- the table ----------------------------------------------------------------- */

static struct pk_iface_view *find(const struct pk_ifaces *f, const char *name)
{
	for (unsigned i = 0; i < PK_IFACES_MAX; i++)
		if (f->iface[i].ifindex && !strcmp(f->iface[i].name, name))
			return (struct pk_iface_view *)&f->iface[i];
	return NULL;
}

static struct pk_iface_view *place(struct pk_ifaces *f, const char *name)
{
	struct pk_iface_view *v = find(f, name);

	for (unsigned i = 0; i < PK_IFACES_MAX && !v; i++)
		if (!f->iface[i].ifindex)
			v = &f->iface[i];
	return v;
}

/* The launcher says that @a->name is attached. */
static struct pk_iface_view *put(struct pk_ifaces *f, const struct pk_answer *a)
{
	struct pk_iface_view *v = place(f, a->name);
	int is_new = v && v->ifindex != a->ifindex;

	if (!v)
		return NULL;
	snprintf(v->name, sizeof(v->name), "%.15s", a->name);
	v->ifindex = a->ifindex;
	v->port = a->port;
	v->flags = a->flags;
	v->attached = a->attached;
	v->lost = 0;
	if (is_new && pk_host_netdev(v->name, &v->before))
		memset(&v->before, 0, sizeof(v->before));
	return v;
}

/* --- what they offer ------------------------------------------------------------- */

static uint64_t rx_packets(const char *name)
{
	struct pk_host_netdev now;

	return pk_host_netdev(name, &now) ? 0 : now.rx_packets;
}

/* The sum over all interfaces that are attached. */
static uint64_t received(const struct pk_ifaces *f)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < PK_IFACES_MAX; i++)
		if (f->iface[i].ifindex && !f->iface[i].lost)
			sum += rx_packets(f->iface[i].name);
	return sum;
}

/* Received frames that XDP counted. */
static uint64_t seen(const struct pk_ifaces *f)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->kernel.cpus; i++)
		sum += f->kernel.counters[i].seen_in;
	return sum;
}

/* The kernel's counters are of all interfaces: one spoils it for all. */
static int why_not(const struct pk_iface_view *v, char *why, size_t size)
{
	if (!v->attached.native)
		snprintf(why, size, "generic XDP of %s sees merged packets",
			 v->name);
	else
		return pk_offered_why_not(v->name, why, size);
	return 1;
}

/* Interfaces that are attached; in *@bad, whether one cannot be compared. */
static unsigned attached(const struct pk_ifaces *f, int *bad, char *why,
			 size_t size)
{
	unsigned n = 0;

	*bad = !f->kernel.counters;
	for (unsigned i = 0; i < PK_IFACES_MAX; i++) {
		const struct pk_iface_view *v = &f->iface[i];

		if (!v->ifindex || v->lost)
			continue;
		n++;
		if (!*bad)
			*bad = why_not(v, why, size);
	}
	return n;
}

/*
 * The set of interfaces is another one: can they be compared, and since when?
 * @fresh: one was attached just now. Others may be in the midst of a poll, with
 * frames that XDP has seen and the driver has not added up yet.
 */
static void judge_offered(struct pk_ifaces *f, int fresh)
{
	char why[PK_AUDIT_NOTE] = "";
	uint64_t count;
	unsigned n;
	int bad;

	n = attached(f, &bad, why, sizeof(why));
	if (bad) {
		pk_offered_end(&f->offered, why);
		return;
	}
	if (f->offered.known)
		return;
	count = received(f);
	pk_offered_begin(&f->offered, count, seen(f));
	f->offered.edge += received(f) - count;
	if (!fresh || n > 1)
		f->offered.edge += (uint64_t)POLL_FRAMES * f->kernel.cpus;
}

/* Not by our doing: what came meanwhile cannot be told apart. */
static void judge_anew(struct pk_ifaces *f)
{
	pk_offered_end(&f->offered, "");
	judge_offered(f, 0);
}

void pk_ifaces_offered(struct pk_ifaces *f, struct pk_audit_plane *xdp)
{
	if (f->offered.known)
		pk_offered_look(&f->offered, received(f));
	pk_offered_tell(&f->offered, xdp);
}

/* @name is attached, and counted @before just before that. */
static void offer(struct pk_ifaces *f, const char *name, uint64_t before)
{
	uint64_t now = rx_packets(name);

	f->offered.base += now;
	f->offered.count += now;
	f->offered.edge += now - before;
	judge_offered(f, 1);
}

/* @name is not attached any more, and counted @before just before that. */
static void offer_no_more(struct pk_ifaces *f, const char *name,
			  uint64_t before)
{
	uint64_t now = rx_packets(name);

	f->offered.base -= now;
	f->offered.count -= now;
	f->offered.edge += now - before;
	judge_offered(f, 0);
}

static int port_is_used(const struct pk_ifaces *f, uint32_t port)
{
	const struct pk_plane_view *p;

	for (unsigned i = 0; i < PK_IFACES_MAX; i++)
		if (f->iface[i].ifindex && f->iface[i].port == port)
			return 1;
	for (uint32_t i = 0; (p = pk_planes_view(f->conf.planes, i)); i++)
		if (p->desc.plane == PK_PLANE_DPDK && p->desc.port == port)
			return 1;
	return 0;
}

uint16_t pk_ifaces_free_port(const struct pk_ifaces *f)
{
	for (uint16_t port = 1; port < PORT_MAX; port++)
		if (!port_is_used(f, port))
			return port;
	return 0;
}

/* --- jobs ------------------------------------------------------------------------ */

static void end(struct job *j, int status, const char *why,
		const struct pk_iface_view *v)
{
	struct pk_ifaces *f = j->ifaces;

	f->first = j->next;
	j->fn(j->arg, status, why, v);
	free(j);
	if (f->first)
		run(f->first, OPEN);
}

static void on_attached(void *arg, const struct pk_answer *a,
			struct pk_fds *fds)
{
	struct job *j = arg;
	struct pk_iface_view *v = a->status ? NULL : put(j->ifaces, a);

	(void)fds;
	if (v)
		offer(j->ifaces, v->name, j->before);
	end(j, a->status, a->why, v);
}

static void ask_attach(struct job *j)
{
	struct pk_request r = { .kind = PK_REQUEST_ATTACH, .flags = j->flags };
	int err;

	j->port = pk_ifaces_free_port(j->ifaces);
	r.port = j->port;
	memcpy(r.name, j->name, sizeof(j->name));
	j->before = rx_packets(j->name);
	err = pk_asker_ask(j->ifaces->conf.asker, &r, NULL, on_attached, j);
	if (err)
		end(j, err, "the launcher does not take requests", NULL);
}

static void on_plane(void *arg, int status, const char *why)
{
	struct job *j = arg;

	if (status)
		end(j, status, why, NULL);
	else
		run(j, ATTACH);
}

static void start_plane(struct job *j)
{
	static const struct pk_plane_desc desc = {
		.name = PK_REQUEST_XDP_NAME,
		.plane = PK_PLANE_XDP,
	};
	struct pk_planes *planes = j->ifaces->conf.planes;
	const struct pk_plane_view *v;
	int err = 0;

	v = pk_planes_find(planes, desc.name);
	if (!v)
		err = pk_planes_add(planes, &desc);
	if (err) {
		end(j, err, "the XDP plane cannot be set up", NULL);
		return;
	}
	err = pk_planes_start(planes, desc.name, on_plane, j);
	if (err == -EALREADY) /* it runs, or is about to run again */
		run(j, ATTACH);
	else if (err)
		end(j, err, "the XDP plane cannot be started", NULL);
}

static void close_kernel(struct pk_ifaces *f)
{
	struct pk_planes_kernel *k = &f->kernel;

	if (k->counters)
		munmap((void *)k->counters, k->cpus * sizeof(*k->counters));
	if (k->lines)
		munmap((void *)k->lines,
		       (size_t)k->cpus * PK_FLOW_LINES * sizeof(*k->lines));
	memset(k, 0, sizeof(*k));
}

/* The maps are of no use: the next attempt begins with nothing. */
static void give_up_kernel(struct pk_ifaces *f)
{
	const struct pk_planes_kernel none = { 0 };

	pk_planes_set_kernel(f->conf.planes, &none);
	close_kernel(f);
}

static void on_kernel(void *arg, int status, const char *why,
		      uint64_t generation)
{
	struct job *j = arg;

	(void)generation;
	if (!status) {
		run(j, PLANE);
		return;
	}
	give_up_kernel(j->ifaces);
	end(j, status, why, NULL);
}

static int map_counters(struct pk_ifaces *f, const struct pk_answer *a,
			const struct pk_fds *fds)
{
	struct pk_planes_kernel *k = &f->kernel;
	size_t counters = a->cpus * sizeof(*k->counters);
	size_t lines = (size_t)a->cpus * PK_FLOW_LINES * sizeof(*k->lines);
	void *at;

	k->cpus = a->cpus;
	k->before = a->consumed;
	at = mmap(NULL, counters, PROT_READ, MAP_SHARED,
		  fds->fd[PK_MAPS_COUNTERS], 0);
	if (at == MAP_FAILED)
		return -errno;
	k->counters = at;
	at = mmap(NULL, lines, PROT_READ, MAP_SHARED, fds->fd[PK_MAPS_LINES],
		  0);
	if (at == MAP_FAILED)
		return -errno;
	k->lines = at;
	return 0;
}

static void use_maps(struct job *j, const struct pk_answer *a,
		     struct pk_fds *fds)
{
	struct pk_ifaces *f = j->ifaces;
	int err = fds->count == PK_MAPS_FDS ? 0 : -EPROTO;

	if (!err)
		err = map_counters(f, a, fds);
	if (!err) {
		pk_planes_set_kernel(f->conf.planes, &f->kernel);
		err = pk_indicators_open_kernel(f->conf.indicators, fds,
						a->hits, on_kernel, j);
	}
	if (err) {
		pk_err("the kernel's maps cannot be used: %s", strerror(-err));
		give_up_kernel(f);
		end(j, err, "the kernel's maps cannot be used", NULL);
		return;
	}
	judge_offered(f, 0);
}

static void on_open(void *arg, const struct pk_answer *a, struct pk_fds *fds)
{
	struct job *j = arg;

	if (a->status)
		end(j, a->status, a->why, NULL);
	else if (j->ifaces->kernel.counters)
		run(j, PLANE);
	else
		use_maps(j, a, fds);
}

static uint32_t slots_wanted(const struct pk_ifaces *f)
{
	struct pk_store_stats s;
	uint32_t n = SLOTS_MIN;

	pk_store_stats(pk_indicators_store(f->conf.indicators), &s);
	while (n < 2 * (uint64_t)s.live && n < PK_IMAGES_BASE_LINES)
		n *= 2;
	return n;
}

static void ask_open(struct job *j)
{
	struct pk_request r = { .kind = PK_REQUEST_OPEN,
				.flags = j->flags,
				.lines = slots_wanted(j->ifaces) };
	int err;

	memcpy(r.name, j->name, sizeof(j->name));
	err = pk_asker_ask(j->ifaces->conf.asker, &r, NULL, on_open, j);
	if (err)
		end(j, err, "the launcher does not take requests", NULL);
}

static void run(struct job *j, enum step step)
{
	switch (step) {
	case OPEN:
	case KERNEL:
		ask_open(j);
		return;
	case PLANE:
		start_plane(j);
		return;
	case ATTACH:
		if (j->name[0])
			ask_attach(j);
		else
			end(j, 0, "", NULL);
	}
}

static struct job *new_job(struct pk_ifaces *f, const char *name,
			   pk_ifaces_fn *fn, void *arg)
{
	struct job *j = calloc(1, sizeof(*j)), **last = &f->first;

	if (!j)
		return NULL;
	snprintf(j->name, sizeof(j->name), "%s", name);
	j->ifaces = f;
	j->fn = fn;
	j->arg = arg;
	while (*last)
		last = &(*last)->next;
	*last = j;
	return j;
}

/* --- what is asked for ---------------------------------------------------------- */

int pk_ifaces_attach(struct pk_ifaces *f, const char *name, uint32_t flags,
		     pk_ifaces_fn *fn, void *arg)
{
	struct job *j;

	if (!*name || strlen(name) >= IF_NAMESIZE) {
		fn(arg, -ENODEV, "no interface has such a name", NULL);
		return 0;
	}
	j = new_job(f, name, fn, arg);
	if (!j)
		return -ENOMEM;
	j->flags = flags;
	if (f->first == j)
		run(j, OPEN);
	return 0;
}

void pk_ifaces_hello(struct pk_ifaces *f, const struct pk_answer *a,
		     struct pk_fds *fds, pk_ifaces_fn *fn, void *arg)
{
	struct job *j;

	if (!a->has_maps) {
		fn(arg, 0, "", NULL);
		return;
	}
	j = new_job(f, "", fn, arg);
	if (!j)
		fn(arg, -ENOMEM, "out of memory", NULL);
	else
		use_maps(j, a, fds);
}

struct detach {
	struct pk_ifaces *ifaces;
	uint64_t before; /* frames received when it was asked for */
	pk_ifaces_fn *fn;
	void *arg;
};

static void on_detached(void *arg, const struct pk_answer *a,
			struct pk_fds *fds)
{
	struct detach *d = arg;
	struct pk_iface_view *v = find(d->ifaces, a->name), copy = { 0 };

	(void)fds;
	if (!a->status && v) {
		copy = *v;
		memset(v, 0, sizeof(*v));
		if (!copy.lost)
			offer_no_more(d->ifaces, copy.name, d->before);
	}
	d->fn(d->arg, a->status, a->why, &copy);
	free(d);
}

int pk_ifaces_detach(struct pk_ifaces *f, const char *name, pk_ifaces_fn *fn,
		     void *arg)
{
	struct pk_request r = { .kind = PK_REQUEST_DETACH };
	struct detach *d;
	int err;

	if (!find(f, name)) {
		fn(arg, -ENOENT, "the interface is not attached", NULL);
		return 0;
	}
	d = malloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	*d = (struct detach){ f, rx_packets(name), fn, arg };
	snprintf(r.name, sizeof(r.name), "%s", name);
	err = pk_asker_ask(f->conf.asker, &r, NULL, on_detached, d);
	if (err)
		free(d);
	return err;
}

void pk_ifaces_notice(struct pk_ifaces *f, const struct pk_answer *a)
{
	struct pk_iface_view *v;

	if (!a->status) {
		put(f, a);
		judge_anew(f);
		return;
	}
	v = find(f, a->name);
	if (!v && a->ifindex)
		v = put(f, a);
	if (v)
		v->lost = 1;
	judge_anew(f);
}

const struct pk_iface_view *pk_ifaces_view(const struct pk_ifaces *f,
					   uint32_t i)
{
	return i < PK_IFACES_MAX && f->iface[i].ifindex ? &f->iface[i] : NULL;
}

const struct pk_iface_view *pk_ifaces_find(const struct pk_ifaces *f,
					   const char *name)
{
	return find(f, name);
}

int pk_ifaces_new(struct pk_ifaces **out, const struct pk_ifaces_conf *conf)
{
	struct pk_ifaces *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->conf = *conf;
	*out = f;
	return 0;
}

void pk_ifaces_free(struct pk_ifaces *f)
{
	if (!f)
		return;
	while (f->first) {
		struct job *j = f->first;

		f->first = j->next;
		free(j);
	}
	close_kernel(f);
	free(f);
}
