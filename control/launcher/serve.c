/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/launcher/backlog.h"
#include "control/launcher/host.h"
#include "control/launcher/launcher_inside.h"
#include "control/log.h"

/*
 * Port numbers of attached interfaces are kept beside the pins, as empty
 * directories PIN_DIR/ports/IFINDEX-PORT-FLAGS: only root writes there, and
 * they live exactly as long as the pins do.
 */
#define PORTS_DIR "ports"

static __attribute__((format(printf, 3, 4))) int refuse(struct pk_answer *a,
							int status,
							const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(a->why, sizeof(a->why), format, ap);
	va_end(ap);
	a->status = status;
	return status;
}

/* --- the table of interfaces ------------------------------------------------ */

static struct pk_iface *by_name(struct pk_launcher *l, const char *name)
{
	for (unsigned i = 0; i < PK_LAUNCHER_IFACES; i++)
		if (l->iface[i].ifindex && !strcmp(l->iface[i].name, name))
			return &l->iface[i];
	return NULL;
}

static struct pk_iface *free_place(struct pk_launcher *l)
{
	for (unsigned i = 0; i < PK_LAUNCHER_IFACES; i++)
		if (!l->iface[i].ifindex)
			return &l->iface[i];
	return NULL;
}

static void note_path(const struct pk_launcher *l, const struct pk_iface *f,
		      char *path, size_t size)
{
	snprintf(path, size, "%s/" PORTS_DIR "/%u-%u-%u", l->pin_dir,
		 f->ifindex, f->port, f->flags);
}

static void write_note(const struct pk_launcher *l, const struct pk_iface *f)
{
	char path[PK_LAUNCHER_PIN + 64];

	snprintf(path, sizeof(path), "%s/" PORTS_DIR, l->pin_dir);
	mkdir(path, 0700);
	note_path(l, f, path, sizeof(path));
	if (mkdir(path, 0700) && errno != EEXIST)
		pk_warn("%s cannot be made: %s; after a crash %s would be "
			"attached anew",
			path, strerror(errno), f->name);
}

static void remove_note(const struct pk_launcher *l, const struct pk_iface *f)
{
	char path[PK_LAUNCHER_PIN + 64];

	note_path(l, f, path, sizeof(path));
	rmdir(path);
}

/* --- maps -------------------------------------------------------------------- */

static void put_maps(const struct pk_launcher *l, struct pk_fds *fds)
{
	fds->fd[PK_MAPS_CONTROL] = pk_xdp_fd(l->xdp, PK_XDP_MAP_control);
	fds->fd[PK_MAPS_HITS] = pk_xdp_fd(l->xdp, PK_XDP_MAP_hits);
	fds->fd[PK_MAPS_COUNTERS] = pk_xdp_fd(l->xdp, PK_XDP_MAP_counters);
	fds->fd[PK_MAPS_LINES] = pk_xdp_fd(l->xdp, PK_XDP_MAP_lines);
	for (uint32_t i = 0; i < PK_IMAGE_SLOTS; i++)
		fds->fd[PK_MAPS_SLOT + i] = pk_xdp_slot_fd(l->xdp, i);
	fds->count = PK_MAPS_FDS;
}

/* What was read before: nobody reads the rings while this runs. */
static void add_consumed(const struct pk_launcher *l, struct pk_answer *a)
{
	size_t bytes = a->cpus * sizeof(struct pk_plane_counters);
	const struct pk_plane_counters *counters;

	counters = mmap(NULL, bytes, PROT_READ, MAP_SHARED,
			pk_xdp_fd(l->xdp, PK_XDP_MAP_counters), 0);
	if (counters == MAP_FAILED)
		return;
	for (uint32_t i = 0; i < a->cpus; i++) {
		const struct pk_backlog_cpu cpu = {
			pk_xdp_alert_fd(l->xdp, i),
			pk_xdp_event_fd(l->xdp, i),
			&counters[i],
		};
		int err = pk_backlog_consumed(&cpu, &a->consumed);

		if (err)
			pk_warn("what was read from the rings of CPU %u before "
				"is not known exactly (%s); the audit may "
				"show the difference",
				i, strerror(-err));
	}
	munmap((void *)counters, bytes);
}

static void answer_maps(struct pk_launcher *l, struct pk_answer *a)
{
	struct pk_fds fds = { 0 };

	a->has_maps = 1;
	a->cpus = pk_xdp_cpus(l->xdp);
	a->hits = (uint32_t)pk_backlog_entries(
		pk_xdp_fd(l->xdp, PK_XDP_MAP_hits));
	add_consumed(l, a);
	put_maps(l, &fds);
	pk_launcher_answer(l, a, &fds);
}

static int check_caps(const char *what, struct pk_answer *a)
{
	char missing[64];

	if (!pk_host_missing_caps(missing, sizeof(missing)))
		return 0;
	return refuse(a, -EPERM,
		      "%s needs %s, which picketd lacks: run it as root, or "
		      "with AmbientCapabilities= in its unit",
		      what, missing);
}

static int make_maps(struct pk_launcher *l, const struct pk_request *r,
		     struct pk_answer *a)
{
	struct pk_xdp_conf conf;

	pk_xdp_conf_default(&conf);
	if (r->lines > conf.slots)
		conf.slots = r->lines;
	if (getrandom(&conf.seed, sizeof(conf.seed), 0) !=
	    (ssize_t)sizeof(conf.seed))
		return refuse(a, -EIO, "no random numbers: %s",
			      strerror(errno));
	a->status = pk_xdp_new(&l->xdp, &conf, a->why, sizeof(a->why));
	if (a->status)
		return a->status;
	a->status = pk_xdp_pin(l->xdp, l->pin_dir, a->why, sizeof(a->why));
	if (a->status) {
		pk_xdp_free(l->xdp);
		l->xdp = NULL;
		pk_xdp_purge(l->pin_dir);
	}
	return a->status;
}

static int open_maps(struct pk_launcher *l, const struct pk_request *r,
		     struct pk_answer *a)
{
	if (l->xdp)
		return 0;
	if (pk_host_pin_dir(l->pin_dir, a->why, sizeof(a->why)))
		return a->status = -EOPNOTSUPP;
	a->status = pk_xdp_adopt(&l->xdp, l->pin_dir, a->why, sizeof(a->why));
	if (a->status != -ENOENT)
		return a->status;
	a->status = 0;
	a->why[0] = '\0';
	return make_maps(l, r, a);
}

/* --- adoption ------------------------------------------------------------------ */

static void adopt_note(struct pk_launcher *l, const char *name)
{
	struct pk_iface f = { 0 }, *place = free_place(l);

	if (sscanf(name, "%u-%u-%u", &f.ifindex, &f.port, &f.flags) != 3 ||
	    !place)
		return;
	if (!pk_xdp_is_attached(l->pin_dir, f.ifindex, &f.attached) ||
	    !if_indextoname(f.ifindex, f.name)) {
		remove_note(l, &f);
		pk_xdp_detach(l->pin_dir, f.ifindex);
		pk_warn("an attachment to an interface that is gone was "
			"removed ifindex=%u",
			f.ifindex);
		return;
	}
	*place = f;
	pk_info("interface %s is attached already: adopted ifindex=%u port=%u",
		f.name, f.ifindex, f.port);
}

/* What an earlier picketd left attached. */
static void adopt(struct pk_launcher *l)
{
	char path[PK_LAUNCHER_PIN + 16], why[PK_REQUEST_WHY];
	struct dirent *e;
	DIR *d;
	int err;

	if (l->xdp)
		return;
	err = pk_xdp_adopt(&l->xdp, l->pin_dir, why, sizeof(why));
	if (err == -ENOENT)
		return;
	if (err) {
		pk_err("%s", why);
		return;
	}
	snprintf(path, sizeof(path), "%s/" PORTS_DIR, l->pin_dir);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			adopt_note(l, e->d_name);
	if (d)
		closedir(d);
}

static void tell_iface(struct pk_launcher *l, const struct pk_iface *f,
		       int status)
{
	struct pk_answer a = { .kind = PK_NOTICE_ATTACHED,
			       .status = status,
			       .ifindex = f->ifindex,
			       .port = f->port,
			       .flags = f->flags,
			       .attached = f->attached };

	memcpy(a.name, f->name, sizeof(f->name));
	pk_launcher_answer(l, &a, NULL);
}

static void on_hello(struct pk_launcher *l, struct pk_answer *a)
{
	adopt(l);
	for (unsigned i = 0; i < PK_LAUNCHER_IFACES; i++)
		if (l->iface[i].ifindex)
			tell_iface(l, &l->iface[i],
				   l->iface[i].lost ? -ENODEV : 0);
	if (l->xdp)
		answer_maps(l, a);
	else
		pk_launcher_answer(l, a, NULL);
}

/* --- attach --------------------------------------------------------------------- */

static int check_native(const struct pk_request *r, struct pk_answer *a)
{
	if (r->flags & PK_ATTACH_YES)
		return 0;
	if (!strcmp(r->name, "lo"))
		return refuse(a, -ECANCELED,
			      "interface lo takes generic XDP only, which has "
			      "crashed kernels there: repeat with --yes if "
			      "you mean it");
	if (r->flags & PK_ATTACH_SKB || !pk_host_is_default(r->name))
		return 0;
	return refuse(a, -ECANCELED,
		      "interface %s carries the default route, and attaching "
		      "in native mode may restart its link: repeat with "
		      "--yes, or use --skb",
		      r->name);
}

static int check_attach(struct pk_launcher *l, const struct pk_request *r,
			struct pk_answer *a)
{
	const struct pk_proc *port;
	const struct pk_iface *f = by_name(l, r->name);

	a->ifindex = if_nametoindex(r->name);
	if (!a->ifindex)
		return refuse(a, -ENODEV,
			      "interface %s does not exist here: `ip link` "
			      "lists those that do",
			      r->name);
	if (f && !f->lost)
		return refuse(a, -EEXIST, "interface %s is attached already",
			      r->name);
	port = pk_procs_user_of(l, r->name);
	if (port)
		return refuse(a, -EBUSY,
			      "interface %s belongs to port %s: `picketctl "
			      "port del %s` first",
			      r->name, port->name, port->name);
	if (!f && !free_place(l))
		return refuse(a, -ENOSPC, "no more than %d interfaces",
			      PK_LAUNCHER_IFACES);
	if (check_caps("attaching", a))
		return a->status;
	return check_native(r, a);
}

static int attach(struct pk_launcher *l, struct pk_iface *f, char *why,
		  size_t size)
{
	const struct pk_xdp_attach how = {
		.ifindex = f->ifindex,
		.port = (uint16_t)f->port,
		.skb_mode = !!(f->flags & PK_ATTACH_SKB),
		.ingress_only = !!(f->flags & PK_ATTACH_INGRESS_ONLY),
	};
	int err = pk_xdp_attach(l->xdp, &how, l->pin_dir, &f->attached, why,
				size);

	if (err)
		return err;
	f->lost = 0;
	write_note(l, f);
	pk_info("interface %s is attached mode=%s egress=%s ifindex=%u",
		f->name, f->attached.native ? "native" : "skb",
		f->attached.egress == 1	  ? "tcx"
		: f->attached.egress == 2 ? "clsact"
					  : "none",
		f->ifindex);
	return 0;
}

static void forget(struct pk_launcher *l, struct pk_iface *f)
{
	remove_note(l, f);
	memset(f, 0, sizeof(*f));
}

static void on_attach(struct pk_launcher *l, const struct pk_request *r,
		      struct pk_answer *a)
{
	struct pk_iface *f, tried = { .port = r->port, .flags = r->flags };

	if (check_attach(l, r, a))
		return;
	if (!l->xdp) {
		refuse(a, -EINVAL, "attach request refused: no maps yet");
		return;
	}
	memcpy(tried.name, r->name, sizeof(tried.name));
	tried.ifindex = a->ifindex;
	a->status = attach(l, &tried, a->why, sizeof(a->why));
	if (a->status)
		return;
	f = by_name(l, r->name);
	if (f) /* it was lost; its place is taken over */
		forget(l, f);
	*free_place(l) = tried;
	a->port = tried.port;
	a->flags = tried.flags;
	a->attached = tried.attached;
}

static int none_attached(const struct pk_launcher *l)
{
	for (unsigned i = 0; i < PK_LAUNCHER_IFACES; i++)
		if (l->iface[i].ifindex)
			return 0;
	return 1;
}

static void on_detach(struct pk_launcher *l, const struct pk_request *r,
		      struct pk_answer *a)
{
	struct pk_iface *f = by_name(l, r->name);
	int err;

	if (!f) {
		refuse(a, -ENOENT, "interface %s is not attached", r->name);
		return;
	}
	err = pk_xdp_detach(l->pin_dir, f->ifindex);
	if (err && err != -ENOENT) {
		refuse(a, err, "interface %s cannot be detached: %s", f->name,
		       strerror(-err));
		return;
	}
	pk_info("interface %s is detached", f->name);
	a->ifindex = f->ifindex;
	forget(l, f);
	if (none_attached(l))
		pk_procs_forgive_xdp(l);
}

/* --- growth --------------------------------------------------------------------- */

static void on_grow(struct pk_launcher *l, const struct pk_request *r,
		    struct pk_answer *a)
{
	struct pk_fds fds = { 1, { -1 } };

	if (!l->xdp) {
		refuse(a, -EINVAL, "grow request refused: no maps yet");
		pk_launcher_answer(l, a, NULL);
		return;
	}
	a->status =
		pk_xdp_grow(l->xdp, r->slot, r->lines, a->why, sizeof(a->why));
	/* the pin of the smaller map would mislead whoever adopts */
	if (!a->status)
		a->status =
			pk_xdp_pin(l->xdp, l->pin_dir, a->why, sizeof(a->why));
	fds.fd[0] = pk_xdp_slot_fd(l->xdp, r->slot);
	pk_launcher_answer(l, a, a->status ? NULL : &fds);
}

/* --- all ------------------------------------------------------------------------ */

static void on_open(struct pk_launcher *l, const struct pk_request *r,
		    struct pk_answer *a)
{
	if (!check_attach(l, r, a) && !open_maps(l, r, a))
		answer_maps(l, a);
	else
		pk_launcher_answer(l, a, NULL);
}

/* 1: the answer was sent, or will be. */
static int dispatch(struct pk_launcher *l, const struct pk_request *r,
		    const struct pk_fds *fds, struct pk_answer *a)
{
	switch (r->kind) {
	case PK_REQUEST_HELLO:
		on_hello(l, a);
		return 1;
	case PK_REQUEST_OPEN:
		on_open(l, r, a);
		return 1;
	case PK_REQUEST_GROW:
		on_grow(l, r, a);
		return 1;
	case PK_REQUEST_ATTACH:
		on_attach(l, r, a);
		return 0;
	case PK_REQUEST_DETACH:
		on_detach(l, r, a);
		return 0;
	case PK_REQUEST_XDP_START:
		pk_procs_start_xdp(l, fds->fd[0], a);
		return 0;
	case PK_REQUEST_PORT_START:
		pk_procs_start_port(l, r, fds->fd[0], a);
		return 0;
	case PK_REQUEST_PORT_STOP:
		return pk_procs_stop_port(l, r, a);
	default: /* READY is the caller's */
		return 0;
	}
}

void pk_serve(struct pk_launcher *l, const struct pk_request *r,
	      struct pk_fds *fds)
{
	struct pk_answer a = { .kind = r->kind, .id = r->id };

	a.status = pk_request_check(r, fds->count, a.why, sizeof(a.why));
	if (a.status)
		pk_err("%s: the daemon is out of order", a.why);
	else
		memcpy(a.name, r->name, sizeof(a.name));
	if (!a.status && l->ending)
		refuse(&a, -ESHUTDOWN, "picketd is ending");
	if (a.status || !dispatch(l, r, fds, &a))
		pk_launcher_answer(l, &a, NULL);
	pk_fds_close(fds);
}

/* Somebody detached it, or the interface was made anew under its name. */
static void attach_again(struct pk_launcher *l, struct pk_iface *f)
{
	char why[PK_REQUEST_WHY] = "";
	uint32_t ifindex = if_nametoindex(f->name);
	int was_lost = f->lost;

	if (!f->lost) {
		f->lost = 1;
		pk_warn("interface %s lost its programs%s", f->name,
			ifindex ? "; attaching again" : ": it is gone");
		tell_iface(l, f, -ENODEV);
	}
	if (!ifindex)
		return;
	remove_note(l, f);
	pk_xdp_detach(l->pin_dir, f->ifindex);
	f->ifindex = ifindex;
	if (!attach(l, f, why, sizeof(why)))
		tell_iface(l, f, 0);
	else if (!was_lost)
		pk_err("%s", why);
}

void pk_serve_tick(struct pk_launcher *l)
{
	for (unsigned i = 0; i < PK_LAUNCHER_IFACES; i++) {
		struct pk_iface *f = &l->iface[i];
		struct pk_xdp_attached now;

		if (!f->ifindex ||
		    (!f->lost &&
		     pk_xdp_is_attached(l->pin_dir, f->ifindex, &now)))
			continue;
		attach_again(l, f);
	}
}

static void remove_notes(struct pk_launcher *l)
{
	char path[PK_LAUNCHER_PIN + 16];

	for (unsigned i = 0; i < PK_LAUNCHER_IFACES; i++)
		if (l->iface[i].ifindex)
			remove_note(l, &l->iface[i]);
	snprintf(path, sizeof(path), "%s/" PORTS_DIR, l->pin_dir);
	rmdir(path);
}

void pk_serve_end(struct pk_launcher *l, int keep)
{
	int err;

	if (!l->xdp)
		return;
	if (!keep) {
		remove_notes(l);
		err = pk_xdp_purge(l->pin_dir);
		if (err)
			pk_warn("pins below %s cannot be removed: %s",
				l->pin_dir, strerror(-err));
		rmdir(l->config->pin_dir); /* if this was the last instance */
	}
	pk_xdp_free(l->xdp);
	l->xdp = NULL;
}
