/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/daemon/daemon.h"
#include "control/launcher/launcher_inside.h"
#include "control/launcher/limits.h"
#include "control/log.h"
#include "control/daemon/notify.h"
#include "dataplane/sandbox.h"

enum {
	TICK_MS = 1000,
	DAEMON_STOP_MS = 5000, /* its threats are closed and published */
	ORPHANS_STOP_MS = 500, /* planes without a daemon */
	REQUESTS_AT_ONCE = 16,
};

uint64_t pk_launcher_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void pk_launcher_answer(struct pk_launcher *l, const struct pk_answer *a,
			const struct pk_fds *fds)
{
	struct pk_answer out = *a;
	int err;

	if (l->requests < 0)
		return;
	out.version = PK_REQUEST_VERSION;
	out.why[sizeof(out.why) - 1] = '\0';
	err = pk_request_send(l->requests, &out, sizeof(out), fds);
	if (err && err != -EPIPE && err != -ECONNRESET)
		pk_warn("the daemon does not take the answer to %s: %s",
			pk_request_word(a->kind), strerror(-err));
}

/* --- before anything else ------------------------------------------------------ */

static int open_program(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A configured directory rules; else beside this program, else installed. */
static int find_program(const struct pk_config *c, const char *name)
{
	struct pk_config *defaults = NULL;
	char self[PATH_MAX] = "";
	int fd = -1, configured;

	if (pk_config_new(&defaults))
		return -1;
	configured = strcmp(defaults->libexec_dir, c->libexec_dir) != 0;
	pk_config_free(defaults);
	if (!configured &&
	    readlink("/proc/self/exe", self, sizeof(self) - 1) > 0)
		fd = open_program(dirname(self), name);
	return fd >= 0 ? fd : open_program(c->libexec_dir, name);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* a blocked signal comes even if it is ignored: nohup asked for that */
	if (signal(SIGHUP, SIG_IGN) != SIG_IGN)
		sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* "/run/picket" becomes "run-picket"; bpffs takes no dots. */
static void name_pins(struct pk_launcher *l)
{
	const char *p = l->config->run_dir;
	size_t n = (size_t)snprintf(l->pin_dir, sizeof(l->pin_dir), "%s/",
				    l->config->pin_dir);

	for (p += *p == '/'; *p && n < sizeof(l->pin_dir) - 1; p++)
		l->pin_dir[n++] = *p == '/' ? '-' : *p == '.' ? '_' : *p;
	l->pin_dir[n] = '\0';
}

/* What survives is the daemon's: made here, as it may not. 0 or -errno. */
static int make_state(const struct pk_launcher *l, char *why, size_t size)
{
	const char *path = l->config->state_dir;
	int made = !mkdir(path, 0700), err = 0, fd;
	struct stat st;

	if (!made && errno != EEXIST)
		err = -errno;
	fd = err ? -1
		 : open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!err && (fd < 0 || fstat(fd, &st)))
		err = -errno;
	if (!err && !geteuid() && (made || !st.st_uid) &&
	    fchown(fd, l->identity.uid, l->identity.gid))
		err = -errno;
	if (err)
		snprintf(why, size, "state directory %s cannot be made: %s",
			 path, strerror(-err));
	else if (!geteuid() && st.st_uid && st.st_uid != l->identity.uid) {
		snprintf(why, size,
			 "state directory %s belongs to uid %u, the daemon is "
			 "%u: chown -R it, or give this one another state_dir",
			 path, (unsigned)st.st_uid, (unsigned)l->identity.uid);
		err = -EPERM;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static int setup(struct pk_launcher *l)
{
	char why[PK_REQUEST_WHY] = "";
	int err;

	pk_limits_raise_files();
	name_pins(l);
	l->xdp_program = find_program(l->config, "picket-xdp");
	l->dpdk_program = find_program(l->config, "picket-dpdk");
	l->signals = open_signals();
	if (l->signals < 0) {
		pk_err("signals cannot be caught: %s", strerror(errno));
		return PK_EXIT_FAILED;
	}
	err = pk_rundir_open(&l->rundir, l->config->run_dir, l->identity.uid,
			     l->identity.control, why, sizeof(why));
	if (!err)
		err = pk_rundir_listen(&l->rundir, l->identity.control,
				       &l->ctl_fd, why, sizeof(why));
	if (!err)
		err = make_state(l, why, sizeof(why));
	if (!err)
		return PK_EXIT_OK;
	pk_err("%s", why);
	return err == -EACCES || err == -EPERM ? PK_EXIT_PRIVILEGE
					       : PK_EXIT_FAILED;
}

/* --- the daemon's process -------------------------------------------------------- */

static int open_file(const char *what, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		pk_err("%s %s cannot be opened: %s", what, path,
		       strerror(errno));
		return -1;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	pk_err("%s %s is not a regular file", what, path);
	close(fd);
	return -1;
}

static void open_files(const struct pk_config *c, struct pk_daemon_conf *d)
{
	for (uint32_t i = 0; i < c->files; i++) {
		const struct pk_config_file *f = &c->file[i];

		d->file[i] = open_file("indicator file", f->path);
		d->mapping[i] = *f->mapping == '/'
					? open_file("mapping", f->mapping)
					: -1;
	}
	for (uint32_t i = 0; i < c->lists; i++)
		d->list[i] = open_file("safelist", c->list[i].path);
	d->curve[0] = d->curve[1] = -1;
	if (!*c->curve_secret)
		return;
	d->curve[0] = open_file("secret key", c->curve_secret);
	d->curve[1] = open_file("list of clients", c->curve_clients);
}

/* Those of @fd that are open, to @keep; how many. */
static uint32_t gather(const int *fd, uint32_t count, int *keep)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		if (fd[i] >= 0)
			keep[n++] = fd[i];
	return n;
}

static uint32_t all_files(const struct pk_daemon_conf *d, int *keep)
{
	const struct pk_config *c = d->config;
	uint32_t n = gather(d->file, c->files, keep);

	n += gather(d->mapping, c->files, keep + n);
	n += gather(d->list, c->lists, keep + n);
	return n + gather(d->curve, PK_DAEMON_CURVE, keep + n);
}

static void close_files(const struct pk_daemon_conf *d)
{
	int fd[2 * PK_CONFIG_FILES + PK_CONFIG_LISTS + PK_DAEMON_CURVE];
	uint32_t n = all_files(d, fd);

	while (n)
		close(fd[--n]);
}

/* Nothing is inherited but what the configuration of the daemon names. */
static int keep_fds(const struct pk_daemon_conf *d)
{
	int keep[2 + 2 * PK_CONFIG_FILES + PK_CONFIG_LISTS + PK_DAEMON_CURVE];

	keep[0] = d->requests;
	keep[1] = d->ctl;
	return pk_child_keep_only(keep, 2 + all_files(d, keep + 2));
}

static void be_daemon(const struct pk_launcher *l,
		      const struct pk_daemon_conf *d, pid_t parent)
{
	const char *step = "keeping descriptors";
	sigset_t none;
	int err = keep_fds(d);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(0077);
	if (!err)
		err = pk_sandbox_enter(l->identity.uid, l->identity.gid, &step);
	if (err) {
		pk_err("the daemon cannot give up its privileges (%s): %s",
		       step, strerror(-err));
		_exit(PK_EXIT_PRIVILEGE);
	}
	/* again: the change of identity has cleared it */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(PK_EXIT_FAILED);
	exit(pk_daemon_run(d));
}

static int start_daemon(struct pk_launcher *l)
{
	struct pk_daemon_conf d = { .config = l->config,
				    .ctl = l->ctl_fd,
				    .first = !l->ready,
				    .group = l->identity.control };
	pid_t parent = getpid();
	int pair[2], err = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	d.requests = pair[1];
	open_files(l->config, &d);
	l->daemon = fork();
	if (!l->daemon)
		be_daemon(l, &d, parent);
	if (l->daemon < 0)
		err = -errno;
	close(pair[1]);
	close_files(&d);
	if (err) {
		close(pair[0]);
		l->daemon = 0;
		return err;
	}
	l->requests = pair[0];
	return 0;
}

static void log_daemon_death(int status)
{
	if (WIFSIGNALED(status))
		pk_err("the daemon was killed by signal %d", WTERMSIG(status));
	else
		pk_err("the daemon ended with status %d", WEXITSTATUS(status));
}

/* Returns -1 to go on, or picketd's exit status. */
static int daemon_ended(struct pk_launcher *l, int status)
{
	int err;

	l->daemon = 0;
	close(l->requests);
	l->requests = -1;
	if (l->ending)
		return WIFEXITED(status) ? WEXITSTATUS(status) : PK_EXIT_FAILED;
	if (!l->ready) /* its sentence was logged */
		return WIFEXITED(status) && WEXITSTATUS(status)
			       ? WEXITSTATUS(status)
			       : PK_EXIT_FAILED;
	log_daemon_death(status);
	if (pk_deaths_add(&l->daemon_deaths, pk_launcher_now_ms())) {
		pk_err("the daemon died %d times within %d s: giving up",
		       PK_CHILD_FENCE, PK_CHILD_FENCE_MS / 1000);
		return PK_EXIT_FAILED;
	}
	/* planes speak to a daemon that is gone; the next one wants new ones */
	pk_procs_end_all(l, ORPHANS_STOP_MS);
	err = start_daemon(l);
	if (err) {
		pk_err("the daemon cannot be started: %s", strerror(-err));
		return PK_EXIT_FAILED;
	}
	return -1;
}

static int reap_daemon(struct pk_launcher *l)
{
	int status;

	if (!l->daemon || waitpid(l->daemon, &status, WNOHANG) != l->daemon)
		return -1;
	return daemon_ended(l, status);
}

/* --- the loop --------------------------------------------------------------------- */

static void on_ready(struct pk_launcher *l)
{
	if (!l->ready)
		pk_notify("READY=1");
	l->ready = 1;
}

static void read_requests(struct pk_launcher *l)
{
	struct pk_request r;
	struct pk_fds fds;

	for (int i = 0; i < REQUESTS_AT_ONCE && l->requests >= 0; i++) {
		int n = pk_request_recv(l->requests, &r, sizeof(r), &fds);

		if (n == -EBADMSG)
			pk_err("a request of the daemon is malformed");
		if (n != 1)
			return;
		if (r.kind == PK_REQUEST_READY)
			on_ready(l);
		pk_serve(l, &r, &fds);
	}
}

/*
 * 1 when we are to end: also when the terminal hangs up, which the kernel
 * says. Somebody's SIGHUP is for the daemon, which opens its files anew.
 */
static int read_signals(struct pk_launcher *l)
{
	struct signalfd_siginfo s;
	int end = 0;

	while (read(l->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		int is_asked = s.ssi_signo == SIGHUP && s.ssi_code == SI_USER;

		end |= s.ssi_signo != SIGCHLD && !is_asked;
		if (is_asked && l->daemon)
			kill(l->daemon, SIGHUP);
	}
	return end;
}

static int wait_ms(const struct pk_launcher *l, uint64_t tick_ms)
{
	uint64_t now = pk_launcher_now_ms(), due = pk_procs_due_ms(l);

	if (tick_ms < due)
		due = tick_ms;
	return due <= now ? 0 : (int)(due - now);
}

/* Until a signal or the daemon's end. Returns the exit status. */
static int loop(struct pk_launcher *l)
{
	uint64_t tick_ms = pk_launcher_now_ms() + TICK_MS;
	int status = -1;

	while (status < 0) {
		struct pollfd fds[] = { { l->signals, POLLIN, 0 },
					{ l->requests, POLLIN, 0 } };

		if (poll(fds, 2, wait_ms(l, tick_ms)) < 0 && errno != EINTR)
			return PK_EXIT_FAILED;
		if (read_signals(l))
			return PK_EXIT_OK;
		read_requests(l);
		pk_procs_reap(l);
		status = reap_daemon(l);
		if (pk_launcher_now_ms() >= tick_ms) {
			pk_serve_tick(l);
			tick_ms = pk_launcher_now_ms() + TICK_MS;
		}
	}
	return status;
}

/* The planes are gone; the daemon reads what they left, and closes threats. */
static int end_daemon(struct pk_launcher *l)
{
	uint64_t kill_ms = pk_launcher_now_ms() + DAEMON_STOP_MS;
	int status = -1;

	if (!l->daemon)
		return PK_EXIT_OK;
	kill(l->daemon, SIGTERM);
	while (status < 0) {
		struct pollfd fd = { l->signals, POLLIN, 0 };

		poll(&fd, 1, 100);
		read_signals(l);
		read_requests(l);
		status = reap_daemon(l);
		if (status < 0 && pk_launcher_now_ms() >= kill_ms) {
			pk_err("the daemon does not end: killed");
			kill(l->daemon, SIGKILL);
			kill_ms = UINT64_MAX;
		}
	}
	return status;
}

static int end(struct pk_launcher *l, int status)
{
	const struct pk_answer notice = { .kind = PK_NOTICE_ENDING };
	int daemon_status;

	l->ending = 1;
	pk_notify("STOPPING=1");
	pk_launcher_answer(l, &notice, NULL);
	pk_procs_end_all(l, PK_LAUNCHER_STOP_MS);
	daemon_status = end_daemon(l);
	pk_serve_end(l, l->config->keep);
	return status ? status : daemon_status;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int pk_launcher_run(const struct pk_config *config,
		    const struct pk_identity *identity)
{
	struct pk_launcher *l = calloc(1, sizeof(*l));
	int status, err;

	if (!l) {
		pk_err("out of memory");
		return PK_EXIT_FAILED;
	}
	l->config = config;
	l->identity = *identity;
	l->ctl_fd = l->signals = l->requests = -1;
	l->xdp_program = l->dpdk_program = -1;
	l->rundir.fd = l->rundir.lock = -1;
	status = setup(l);
	if (!status) {
		err = start_daemon(l);
		if (err) {
			pk_err("the daemon cannot be started: %s",
			       strerror(-err));
			status = PK_EXIT_FAILED;
		}
	}
	if (!status)
		status = end(l, loop(l));
	pk_rundir_close(&l->rundir);
	close_fd(l->ctl_fd);
	close_fd(l->signals);
	close_fd(l->requests);
	close_fd(l->xdp_program);
	close_fd(l->dpdk_program);
	free(l);
	return status;
}
