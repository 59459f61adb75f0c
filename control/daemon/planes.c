/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/planes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/log.h"
#include "control/daemon/planes_inside.h"

static const char *const words[] = {
#define WORD(name, word) word,
	PK_PLANE_STATES(WORD)
#undef WORD
};

const char *pk_plane_state_word(enum pk_plane_state state)
{
	return state < PK_PLANE_STATE_COUNT ? words[state] : "?";
}

static uint64_t real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void changed(struct pk_plane_run *r)
{
	if (r->planes->conf.changed)
		r->planes->conf.changed(r->planes->conf.arg, &r->view);
}

static void done(struct pk_plane_run *r, int status, const char *why)
{
	pk_planes_fn *fn = r->done;

	r->done = NULL;
	if (fn)
		fn(r->done_arg, status, why);
}

struct pk_plane_run *pk_plane_run_find(const struct pk_planes *p,
				       const char *name)
{
	for (unsigned i = 0; i < PK_PLANES_MAX; i++)
		if (p->run[i].used && !strcmp(p->run[i].view.desc.name, name))
			return (struct pk_plane_run *)&p->run[i];
	return NULL;
}

/* --- gaps ------------------------------------------------------------------- */

static struct pk_gap *last_gap(struct pk_plane_run *r)
{
	struct pk_plane_view *v = &r->view;

	return v->gaps ? &v->gap[(v->gaps - 1) % PK_PLANES_GAPS] : NULL;
}

static void begin_gap(struct pk_plane_run *r, const char *why)
{
	struct pk_gap *g = last_gap(r);

	if (g && !g->to_ns)
		return;
	r->view.gaps++;
	g = last_gap(r);
	*g = (struct pk_gap){
		.from_ns = real_ns(),
		.deaths = (uint32_t)r->gone.known.deaths,
	};
	snprintf(g->why, sizeof(g->why), "%s", why);
	pk_warn("plane %s has a gap: %s deaths=%u", r->view.desc.name, why,
		g->deaths);
}

static void end_gap(struct pk_plane_run *r)
{
	struct pk_gap *g = last_gap(r);

	if (!g || g->to_ns)
		return;
	g->to_ns = real_ns();
	pk_info("plane %s is back ms=%llu", r->view.desc.name,
		(unsigned long long)((g->to_ns - g->from_ns) / 1000000));
}

/* --- the end of an incarnation --------------------------------------------------- */

static void unwire(struct pk_plane_run *r)
{
	struct pk_planes *p = r->planes;

	if (!r->wired)
		return;
	for (uint32_t i = 0; i < r->link->rings; i++)
		pk_pump_del(p->conf.pump, r->source[i], &r->read);
	r->read.waiting = 0; /* all were released */
	r->wired = 0;
	pk_grace_unwatch(p->conf.grace, r->stats);
}

static void hang_up(struct pk_plane_run *r)
{
	if (!r->link)
		return;
	unwire(r);
	if (r->link->said[0])
		memcpy(r->view.said, r->link->said, sizeof(r->view.said));
	event_free(r->readable);
	r->readable = NULL;
	pk_downlink_free(r->link);
	r->link = NULL;
	r->view.pid = 0;
	pk_plane_run_bury(r);
}

static void restart_later(struct pk_plane_run *r)
{
	const struct timeval t = { 0, PK_PLANES_RESTART_MS * 1000 };

	if (r->planes->ending || r->stopping ||
	    r->view.state == PK_PLANE_FAILED_STATE)
		return;
	r->view.state = PK_PLANE_WAITING_STATE;
	event_add(r->restart, &t);
}

static void down(struct pk_plane_run *r, const char *why)
{
	int never_ran = r->done && !r->stopping;

	hang_up(r);
	if (r->stopping || r->planes->ending) {
		changed(r);
		return;
	}
	if (never_ran) {
		r->view.state = PK_PLANE_FAILED_STATE;
		done(r, -EIO, r->view.said[0] ? r->view.said : why);
		return;
	}
	begin_gap(r, why);
	restart_later(r);
	changed(r);
}

/* --- an incarnation --------------------------------------------------------------- */

static int wire(struct pk_plane_run *r)
{
	struct pk_planes *p = r->planes;
	uint32_t i;

	for (i = 0; i < r->link->rings; i++) {
		r->source[i] = pk_pump_add(p->conf.pump, r->link->ring[i]);
		if (r->source[i] < 0)
			break;
	}
	if (i == r->link->rings) {
		r->wired = 1;
		/* its workers are ours to name: what it says may be wrong */
		return pk_grace_watch(p->conf.grace, r->stats,
				      r->view.desc.workers);
	}
	while (i--)
		pk_pump_del(p->conf.pump, r->source[i], &r->read);
	return -ENOSPC;
}

static void is_ready(struct pk_plane_run *r)
{
	if (r->view.state == PK_PLANE_RUNNING_STATE)
		return;
	r->view.state = PK_PLANE_RUNNING_STATE;
	r->view.since_ns = real_ns();
	if (r->view.desc.plane == PK_PLANE_DPDK)
		pk_offered_port_runs(&r->offered, &r->stats->stage);
	end_gap(r);
	pk_info("plane %s runs pid=%d", r->view.desc.name, (int)r->view.pid);
	done(r, 0, "");
	changed(r);
}

static void link_conf(const struct pk_plane_run *r, struct pk_downlink_conf *c)
{
	const struct pk_planes_conf *conf = &r->planes->conf;

	*c = (struct pk_downlink_conf){
		.conf = conf->uplink,
		.ring_bytes = PK_PLANES_RING_BYTES,
		.stats_fd = r->stats_fd,
		.images_fd = conf->images_fd,
		.hits_fd = conf->hits_fd,
	};
	c->conf.epoch = r->epoch;
	c->conf.port = r->view.desc.port;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct pk_plane_run *r = arg;
	struct pk_downlink_conf conf;
	int n;

	(void)fd;
	(void)what;
	link_conf(r, &conf);
	while ((n = pk_downlink_poll(r->link, &conf)) > 0) {
		if (r->link->said[0] &&
		    strcmp(r->link->said, r->view.said) != 0) {
			memcpy(r->view.said, r->link->said,
			       sizeof(r->view.said));
			pk_warn("plane %s says: %s", r->view.desc.name,
				r->view.said);
		}
		if (r->link->rings && !r->wired && wire(r)) {
			down(r, "too many rings");
			return;
		}
		if (r->link->ready)
			is_ready(r);
	}
	if (n == -ECONNRESET && r->unanswered)
		event_del(r->readable); /* why, the launcher will say */
	else if (n == -ECONNRESET)
		down(r, "its process ended");
	else if (n < 0)
		down(r, "it does not keep to the protocol");
}

static void on_started(void *arg, const struct pk_answer *a, struct pk_fds *fds)
{
	struct pk_plane_run *r = arg;

	(void)fds;
	r->unanswered = 0;
	if (!a->status) {
		r->view.pid = a->process;
		if (r->readable)
			event_add(r->readable, NULL);
		changed(r);
		return;
	}
	hang_up(r);
	/* it keeps the name of one that died too often, and of no other */
	r->asked = a->status == -ECONNABORTED;
	r->view.state = PK_PLANE_FAILED_STATE;
	if (!r->done)
		pk_err("%s", a->why);
	changed(r);
	done(r, a->status, a->why); /* @r may be forgotten now */
}

static int ask_start(struct pk_plane_run *r, int plane_fd)
{
	const struct pk_plane_desc *d = &r->view.desc;
	struct pk_request q = { .kind = PK_REQUEST_XDP_START };
	struct pk_fds fds = { 1, { plane_fd } };
	int err;

	if (d->plane == PK_PLANE_DPDK) {
		q.kind = PK_REQUEST_PORT_START;
		q.flags = d->flags;
		q.workers = d->workers;
		memcpy(q.name, d->name, sizeof(q.name));
		memcpy(q.device, d->device, sizeof(q.device));
	}
	err = pk_asker_ask(r->planes->conf.asker, &q, &fds, on_started, r);
	r->asked |= !err;
	r->unanswered = !err;
	return err;
}

static int start(struct pk_plane_run *r)
{
	int plane_fd, err;

	err = pk_downlink_new(&r->link, &plane_fd);
	if (err)
		return err;
	if (r->view.desc.plane == PK_PLANE_DPDK)
		pk_offered_port_starts(&r->offered, r->view.desc.device);
	r->epoch++;
	if (r->epoch > 1)
		r->view.restarts++;
	r->view.said[0] = '\0';
	r->readable = event_new(r->planes->conf.base, r->link->fd,
				EV_READ | EV_PERSIST, on_readable, r);
	if (!r->readable || event_add(r->readable, NULL))
		err = -ENOMEM;
	if (!err)
		err = ask_start(r, plane_fd);
	close(plane_fd);
	if (err) {
		if (r->readable)
			event_free(r->readable);
		r->readable = NULL;
		pk_downlink_free(r->link);
		r->link = NULL;
		return err;
	}
	r->view.state = PK_PLANE_STARTING_STATE;
	return 0;
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
	struct pk_plane_run *r = arg;

	(void)fd;
	(void)what;
	if (r->link || r->planes->ending || r->stopping ||
	    r->view.state == PK_PLANE_FAILED_STATE)
		return;
	if (start(r))
		restart_later(r);
	changed(r);
}

/* --- planes ------------------------------------------------------------------------ */

int pk_planes_new(struct pk_planes **out, const struct pk_planes_conf *conf)
{
	struct pk_planes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->conf = *conf;
	*out = p;
	return 0;
}

static void forget(struct pk_plane_run *r)
{
	pk_asker_forget(r->planes->conf.asker, r);
	if (r->restart)
		event_free(r->restart);
	pk_stats_free(r->stats);
	if (r->stats_fd >= 0)
		close(r->stats_fd);
	memset(r, 0, sizeof(*r));
}

void pk_planes_free(struct pk_planes *p)
{
	if (!p)
		return;
	p->ending = 1;
	for (unsigned i = 0; i < PK_PLANES_MAX; i++) {
		if (!p->run[i].used)
			continue;
		hang_up(&p->run[i]);
		forget(&p->run[i]);
	}
	free(p);
}

int pk_planes_add(struct pk_planes *p, const struct pk_plane_desc *desc)
{
	struct pk_plane_run *r = NULL;
	int err;

	if (pk_plane_run_find(p, desc->name))
		return -EEXIST;
	for (unsigned i = 0; i < PK_PLANES_MAX && !r; i++)
		if (!p->run[i].used)
			r = &p->run[i];
	if (!r)
		return -ENOSPC;
	memset(r, 0, sizeof(*r));
	r->planes = p;
	r->stats_fd = -1;
	r->view.desc = *desc;
	r->restart = evtimer_new(p->conf.base, on_restart, r);
	err = r->restart ? pk_stats_new(&r->stats, &r->stats_fd) : -ENOMEM;
	if (err) {
		forget(r);
		return err;
	}
	r->used = 1;
	return 0;
}

int pk_planes_start(struct pk_planes *p, const char *name, pk_planes_fn *fn,
		    void *arg)
{
	struct pk_plane_run *r = pk_plane_run_find(p, name);
	int err;

	if (!r)
		return -ENOENT;
	if (r->link || r->done || r->view.state == PK_PLANE_WAITING_STATE)
		return -EALREADY;
	err = start(r);
	if (err)
		return err;
	r->done = fn;
	r->done_arg = arg;
	changed(r);
	return 0;
}

static void on_stopped(void *arg, const struct pk_answer *a, struct pk_fds *fds)
{
	struct pk_plane_run *r = arg;
	struct pk_planes *p = r->planes;
	struct pk_audit_plane last;

	(void)fds;
	if (a->status && a->status != -ENOENT) {
		r->stopping = 0;
		done(r, a->status, a->why);
		return;
	}
	hang_up(r);
	pk_plane_run_look(r);
	pk_plane_run_snapshot(r, &last, 0);
	pk_audit_add_plane(&p->former, &last);
	p->former.plane = last.plane;
	p->former.offers = last.offers && (p->former.offers || !p->had_former);
	snprintf(p->former.name, sizeof(p->former.name), "former ports");
	p->had_former = 1;
	r->view.state = PK_PLANE_STOPPED_STATE;
	changed(r);
	done(r, 0, "");
	forget(r);
}

int pk_planes_stop(struct pk_planes *p, const char *name, pk_planes_fn *fn,
		   void *arg)
{
	struct pk_request q = { .kind = PK_REQUEST_PORT_STOP };
	struct pk_plane_run *r = pk_plane_run_find(p, name);
	int err;

	if (!r || r->view.desc.plane != PK_PLANE_DPDK)
		return -ENOENT;
	if (r->stopping || r->done)
		return -EBUSY;
	memcpy(q.name, r->view.desc.name, sizeof(q.name));
	err = pk_asker_ask(p->conf.asker, &q, NULL, on_stopped, r);
	if (err)
		return err;
	event_del(r->restart);
	r->stopping = 1;
	r->done = fn;
	r->done_arg = arg;
	return 0;
}

void pk_planes_forget(struct pk_planes *p, const char *name)
{
	struct pk_plane_run *r = pk_plane_run_find(p, name);

	if (!r || r->link)
		return;
	if (r->asked)
		pk_planes_stop(p, name, NULL, NULL);
	else
		forget(r);
}

/* Its socket says so too; this one knows how it ended. */
void pk_planes_exited(struct pk_planes *p, const struct pk_answer *notice)
{
	struct pk_plane_run *r = pk_plane_run_find(p, notice->name);
	struct pk_gap *g;

	if (!r || r->stopping || p->ending)
		return;
	g = last_gap(r);
	if (g && !g->to_ns && WIFSIGNALED(notice->exit))
		snprintf(g->why, sizeof(g->why), "killed by signal %d",
			 WTERMSIG(notice->exit));
	if (!notice->fenced)
		return;
	event_del(r->restart);
	r->view.state = PK_PLANE_FAILED_STATE;
	changed(r);
}

void pk_planes_ending(struct pk_planes *p)
{
	p->ending = 1;
	for (unsigned i = 0; i < PK_PLANES_MAX; i++)
		if (p->run[i].used)
			event_del(p->run[i].restart);
}

void pk_planes_fenced(struct pk_planes *p, int source)
{
	for (unsigned i = 0; i < PK_PLANES_MAX; i++) {
		struct pk_plane_run *r = &p->run[i];

		for (uint32_t k = 0; r->wired && k < r->link->rings; k++) {
			if (r->source[k] != source)
				continue;
			pk_err("plane %s writes nonsense into its ring and is "
			       "dropped",
			       r->view.desc.name);
			down(r, "nonsense in its ring");
			return;
		}
	}
}

void pk_planes_set_kernel(struct pk_planes *p,
			  const struct pk_planes_kernel *kernel)
{
	p->kernel = *kernel;
}

const struct pk_plane_view *pk_planes_view(const struct pk_planes *p,
					   uint32_t i)
{
	for (unsigned k = 0; k < PK_PLANES_MAX; k++)
		if (p->run[k].used && !i--)
			return &p->run[k].view;
	return NULL;
}

const struct pk_plane_view *pk_planes_find(const struct pk_planes *p,
					   const char *name)
{
	const struct pk_plane_run *r = pk_plane_run_find(p, name);

	return r ? &r->view : NULL;
}

uint64_t pk_planes_generation(const struct pk_planes *p, const char *name)
{
	const struct pk_plane_run *r = pk_plane_run_find(p, name);
	uint32_t workers = r && r->stats ? r->view.desc.workers : 0;
	uint64_t generation = workers ? UINT64_MAX : 0;

	for (uint32_t i = 0; i < workers && i < PK_WORKERS_MAX; i++) {
		uint64_t used = __atomic_load_n(&r->stats->worker[i].generation,
						__ATOMIC_ACQUIRE);

		if (used < generation)
			generation = used;
	}
	return generation;
}
