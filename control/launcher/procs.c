/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/launcher/host.h"
#include "control/launcher/launcher_inside.h"
#include "control/log.h"

enum { POLL_MS = 10 };

static __attribute__((format(printf, 3, 4))) void refuse(struct pk_answer *a,
							 int status,
							 const char *format,
							 ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(a->why, sizeof(a->why), format, ap);
	va_end(ap);
	a->status = status;
}

static struct pk_proc *find(struct pk_launcher *l, const char *name)
{
	for (unsigned i = 0; i < PK_LAUNCHER_PROCS; i++)
		if (!strcmp(l->proc[i].name, name))
			return &l->proc[i];
	return NULL;
}

const struct pk_proc *pk_procs_user_of(const struct pk_launcher *l,
				       const char *ifname)
{
	for (unsigned i = 0; i < PK_LAUNCHER_PROCS; i++)
		if (l->proc[i].name[0] && !strcmp(l->proc[i].iface, ifname))
			return &l->proc[i];
	return NULL;
}

/* --- ends ------------------------------------------------------------------ */

static void tell_exit(struct pk_launcher *l, const struct pk_proc *p,
		      int status)
{
	struct pk_answer a = { .kind = PK_NOTICE_EXITED,
			       .exit = (uint32_t)status,
			       .deaths = p->deaths.total,
			       .fenced = p->fenced };

	memcpy(a.name, p->name, sizeof(a.name));
	pk_launcher_answer(l, &a, NULL);
}

static void log_death(const struct pk_proc *p, int status)
{
	if (WIFSIGNALED(status))
		pk_warn("plane %s was killed by signal %d deaths=%u", p->name,
			WTERMSIG(status), p->deaths.total);
	else
		pk_warn("plane %s ended with status %d deaths=%u", p->name,
			WEXITSTATUS(status), p->deaths.total);
	if (p->fenced)
		pk_err("plane %s died %d times within %d s and stays down; "
		       "see the lines before this one, then add it again",
		       p->name, PK_CHILD_FENCE, PK_CHILD_FENCE_MS / 1000);
}

static void ended(struct pk_launcher *l, struct pk_proc *p, int status)
{
	struct pk_answer a = { .kind = PK_REQUEST_PORT_STOP, .id = p->stop_id };
	int asked = p->stopping;

	p->pid = 0;
	p->stopping = 0;
	if (!asked) {
		if (pk_deaths_add(&p->deaths, pk_launcher_now_ms()))
			p->fenced = 1;
		log_death(p, status);
	}
	tell_exit(l, p, status);
	if (p->stop_id) {
		memcpy(a.name, p->name, sizeof(a.name));
		pk_launcher_answer(l, &a, NULL);
		memset(p, 0, sizeof(*p));
	}
}

void pk_procs_reap(struct pk_launcher *l)
{
	uint64_t now = pk_launcher_now_ms();

	for (unsigned i = 0; i < PK_LAUNCHER_PROCS; i++) {
		struct pk_proc *p = &l->proc[i];
		int status;

		if (!p->pid)
			continue;
		if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
			ended(l, p, status);
		} else if (p->stopping && now >= p->kill_ms) {
			kill(p->pid, SIGKILL);
			p->kill_ms = UINT64_MAX;
		}
	}
}

uint64_t pk_procs_due_ms(const struct pk_launcher *l)
{
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < PK_LAUNCHER_PROCS; i++) {
		const struct pk_proc *p = &l->proc[i];

		if (p->pid && p->stopping && p->kill_ms < due)
			due = p->kill_ms;
	}
	return due;
}

static void ask_to_end(struct pk_proc *p, uint64_t grace_ms)
{
	if (!p->pid)
		return;
	p->stopping = 1;
	p->kill_ms = pk_launcher_now_ms() + grace_ms;
	kill(p->pid, SIGTERM);
}

static int any_runs(const struct pk_launcher *l)
{
	for (unsigned i = 0; i < PK_LAUNCHER_PROCS; i++)
		if (l->proc[i].pid)
			return 1;
	return 0;
}

void pk_procs_end_all(struct pk_launcher *l, uint64_t grace_ms)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };

	for (unsigned i = 0; i < PK_LAUNCHER_PROCS; i++)
		ask_to_end(&l->proc[i], grace_ms);
	for (;;) {
		pk_procs_reap(l);
		if (!any_runs(l))
			return;
		nanosleep(&pause, NULL);
	}
}

/* A new one is wanted in its place: it did not end, or we did not see it. */
static void end_now(struct pk_launcher *l, struct pk_proc *p)
{
	int status;

	if (!p->pid)
		return;
	kill(p->pid, SIGKILL);
	if (waitpid(p->pid, &status, 0) == p->pid)
		ended(l, p, status);
}

/* --- starts ----------------------------------------------------------------- */

static struct pk_proc *place_for(struct pk_launcher *l, const char *name,
				 struct pk_answer *a)
{
	struct pk_proc *p = find(l, name);

	if (!p) {
		p = find(l, "");
		if (!p) {
			refuse(a, -ENOSPC, "no more than %d planes",
			       PK_LAUNCHER_PROCS);
			return NULL;
		}
		snprintf(p->name, sizeof(p->name), "%s", name);
		return p;
	}
	if (p->stopping) {
		refuse(a, -EBUSY, "plane %s is being stopped", name);
		return NULL;
	}
	end_now(l, p);
	if (p->fenced) {
		refuse(a, -ECONNABORTED,
		       "plane %s died %d times within %d s and stays down; "
		       "see the log, then delete and add it again",
		       name, PK_CHILD_FENCE, PK_CHILD_FENCE_MS / 1000);
		return NULL;
	}
	return p;
}

static void start(struct pk_proc *p, const struct pk_child_conf *conf,
		  struct pk_answer *a)
{
	int err = pk_child_start(&p->pid, conf);

	if (err) {
		refuse(a, err, "%s cannot be started: %s", conf->argv[0],
		       strerror(-err));
		if (!p->deaths.total)
			memset(p, 0, sizeof(*p));
		return;
	}
	a->process = p->pid;
}

static void start_with_rings(struct pk_launcher *l, struct pk_proc *p,
			     int uplink, struct pk_answer *a)
{
	uint32_t cpus = pk_xdp_cpus(l->xdp);
	int *fds = calloc(1 + 2 * (size_t)cpus, sizeof(*fds));
	char number[16];
	char uid[16], gid[16];
	const char *argv[] = { "picket-xdp", "--cpus", number, "--uid",
			       uid,	     "--gid",  gid,    NULL };
	struct pk_child_conf conf = { .program = l->xdp_program,
				      .argv = argv,
				      .fds = fds,
				      .count = 1 + 2 * cpus };

	if (!fds) {
		refuse(a, -ENOMEM, "out of memory");
		return;
	}
	snprintf(number, sizeof(number), "%u", cpus);
	snprintf(uid, sizeof(uid), "%u", l->identity.uid);
	snprintf(gid, sizeof(gid), "%u", l->identity.gid);
	fds[0] = uplink;
	for (uint32_t i = 0; i < cpus; i++) {
		fds[1 + i] = pk_xdp_alert_fd(l->xdp, i);
		fds[1 + cpus + i] = pk_xdp_event_fd(l->xdp, i);
	}
	start(p, &conf, a);
	free(fds);
}

void pk_procs_start_xdp(struct pk_launcher *l, int uplink, struct pk_answer *a)
{
	struct pk_proc *p;

	if (!l->xdp) {
		refuse(a, -EINVAL, "xdp-start request refused: no maps yet");
		return;
	}
	if (l->xdp_program < 0) {
		refuse(a, -EOPNOTSUPP,
		       "picket-xdp was not found in %s when picketd started: "
		       "install it, or set libexec_dir",
		       l->config->libexec_dir);
		return;
	}
	p = place_for(l, PK_REQUEST_XDP_NAME, a);
	if (p)
		start_with_rings(l, p, uplink, a);
}

/* One netdev, one owner; the same for a device. */
static int check_owner(struct pk_launcher *l, const struct pk_request *r,
		       const char *ifname, struct pk_answer *a)
{
	for (unsigned i = 0; i < PK_LAUNCHER_IFACES; i++) {
		const struct pk_iface *f = &l->iface[i];

		if (!f->ifindex || !*ifname || strcmp(f->name, ifname))
			continue;
		refuse(a, -EBUSY,
		       "interface %s belongs to the XDP plane: `picketctl "
		       "detach %s` first",
		       ifname, ifname);
		return -EBUSY;
	}
	for (unsigned i = 0; i < PK_LAUNCHER_PROCS; i++) {
		const struct pk_proc *p = &l->proc[i];

		if (!p->name[0] || !strcmp(p->name, r->name))
			continue;
		if (strcmp(p->device, r->device) &&
		    (!*ifname || strcmp(p->iface, ifname)))
			continue;
		refuse(a, -EBUSY,
		       "%s belongs to port %s: `picketctl port del %s` first",
		       *ifname ? ifname : r->device, p->name, p->name);
		return -EBUSY;
	}
	return 0;
}

static void start_device(struct pk_launcher *l, struct pk_proc *p,
			 const struct pk_request *r, int uplink,
			 struct pk_answer *a)
{
	char workers[16], uid[16], gid[16];
	const char *argv[PK_CHILD_ARGS] = {
		"picket-dpdk",
		"--name",
		r->name,
		(r->flags & PK_PORT_PCI) ? "--pci" : "--vdev",
		r->device,
		"--workers",
		workers,
		"--uid",
		uid,
		"--gid",
		gid,
		(r->flags & PK_PORT_NO_HUGE) ? "--no-huge" : NULL,
	};
	const struct pk_child_conf conf = { .program = l->dpdk_program,
					    .argv = argv,
					    .fds = &uplink,
					    .count = 1 };

	snprintf(workers, sizeof(workers), "%u", r->workers);
	snprintf(uid, sizeof(uid), "%u", l->identity.uid);
	snprintf(gid, sizeof(gid), "%u", l->identity.gid);
	start(p, &conf, a);
}

/* The daemon is believed only as far as root's own file bears it out. */
static int may_open(const struct pk_launcher *l, const struct pk_request *r,
		    struct pk_answer *a)
{
	int pci = !!(r->flags & PK_PORT_PCI);

	if (pk_config_has_port(l->config, r->name, r->device, pci))
		return 1;
	a->status = pk_spec_may_ask(r->device, pci, a->why, sizeof(a->why));
	if (a->status)
		pk_err("port %s: %s", r->name, a->why);
	return !a->status;
}

void pk_procs_start_port(struct pk_launcher *l, const struct pk_request *r,
			 int uplink, struct pk_answer *a)
{
	char ifname[IF_NAMESIZE] = "";
	struct pk_proc *p;

	if (!may_open(l, r, a))
		return;
	if (l->dpdk_program < 0) {
		refuse(a, -EOPNOTSUPP,
		       "picket-dpdk was not found in %s when picketd started: "
		       "install it, or set libexec_dir",
		       l->config->libexec_dir);
		return;
	}
	if (!(r->flags & PK_PORT_PCI))
		pk_host_vdev_iface(r->device, ifname);
	if (*ifname && !if_nametoindex(ifname)) {
		refuse(a, -ENODEV,
		       "interface %s of port %s does not exist here: `ip link` "
		       "lists those that do",
		       ifname, r->name);
		return;
	}
	if (check_owner(l, r, ifname, a))
		return;
	p = place_for(l, r->name, a);
	if (!p)
		return;
	memcpy(p->device, r->device, sizeof(p->device));
	memcpy(p->iface, ifname, sizeof(p->iface));
	start_device(l, p, r, uplink, a);
}

int pk_procs_stop_port(struct pk_launcher *l, const struct pk_request *r,
		       struct pk_answer *a)
{
	struct pk_proc *p = find(l, r->name);

	if (!p || !p->device[0]) {
		refuse(a, -ENOENT, "no port %s", r->name);
		return 0;
	}
	if (!p->pid) { /* it failed; forget it */
		memset(p, 0, sizeof(*p));
		return 0;
	}
	if (p->stop_id) {
		refuse(a, -EBUSY, "port %s is being stopped", r->name);
		return 0;
	}
	p->stop_id = r->id;
	ask_to_end(p, PK_LAUNCHER_STOP_MS);
	return 1;
}

void pk_procs_forgive_xdp(struct pk_launcher *l)
{
	struct pk_proc *p = find(l, PK_REQUEST_XDP_NAME);

	if (p && !p->pid)
		memset(p, 0, sizeof(*p));
}
