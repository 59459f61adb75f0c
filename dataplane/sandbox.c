/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capability sets, the bounding set and no_new_privs belong to threads, not to
 * processes. glibc carries the identity to every thread; for the rest a signal
 * is sent to each thread, whose handler does it there.
 */
#include "dataplane/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	CAPS_MAX = 64,	    /* bits of a capability set */
	THREAD_WAIT_S = 10, /* until a thread must have taken the signal */
	PASSWD_BYTES = 16384,
};

/* What a process starts with decides what it must be able to give up. */
struct had {
	int root;    /* any of its uids is 0 */
	int setpcap; /* it may empty the bounding set */
	int setgid;  /* it may clear its groups */
};

/* --- identity -------------------------------------------------------------- */

static int find_user(const char *name, uid_t *uid, gid_t *gid)
{
	char buf[PASSWD_BYTES];
	struct passwd pw, *found = NULL;

	if (getpwnam_r(name, &pw, buf, sizeof(buf), &found) || !found)
		return -ENOENT;
	if (!found->pw_uid || !found->pw_gid)
		return -ENOENT;
	*uid = found->pw_uid;
	*gid = found->pw_gid;
	return 0;
}

int pk_sandbox_identity(const char *name, uid_t *uid, gid_t *gid)
{
	if (name)
		return find_user(name, uid, gid);
	return find_user("picket", uid, gid) ? find_user("nobody", uid, gid)
					     : 0;
}

/* --- one thread ------------------------------------------------------------- */

static int drop_bounding(void)
{
	for (unsigned long cap = 0; cap < CAPS_MAX; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

static int forbid_new(void)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int drop_caps(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &head, none) < 0)
		return -errno;
	return 0;
}

static int has_cap(unsigned cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return 0;
	return data[cap / 32].effective >> cap % 32 & 1;
}

/* --- every thread ----------------------------------------------------------- */

/* What the handler does, and what became of it: one broadcast at a time. */
static int (*thread_job)(void);
static int thread_err;
static sem_t thread_done;

/* Only system calls and sem_post(): safe in a signal handler. */
static void on_signal(int sig)
{
	int saved = errno;
	int err = thread_job();

	(void)sig;
	if (err)
		__atomic_store_n(&thread_err, err, __ATOMIC_RELAXED);
	sem_post(&thread_done);
	errno = saved;
}

static int await_threads(int n)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += THREAD_WAIT_S;
	while (n > 0) {
		if (!sem_clockwait(&thread_done, CLOCK_MONOTONIC, &end))
			n--;
		else if (errno != EINTR)
			return -errno;
	}
	return __atomic_load_n(&thread_err, __ATOMIC_RELAXED);
}

/* Signal all threads but this one. How many were, or -errno. */
static int signal_threads(int sig)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *e;
	int n = 0;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		pid_t tid = atoi(e->d_name);

		if (tid <= 0 || tid == gettid())
			continue;
		if (syscall(SYS_tgkill, getpid(), tid, sig) == 0)
			n++;
	}
	closedir(dir);
	return n;
}

/* A thread born meanwhile has its parent's sets; the proof would find it. */
static int on_every_thread(int (*job)(void))
{
	struct sigaction act = { .sa_handler = on_signal,
				 .sa_flags = SA_RESTART };
	struct sigaction old;
	int n, err;

	err = job();
	if (err)
		return err;
	thread_job = job;
	thread_err = 0;
	if (sem_init(&thread_done, 0, 0) < 0)
		return -errno;
	sigfillset(&act.sa_mask);
	if (sigaction(SIGRTMAX, &act, &old) < 0)
		return -errno;
	n = signal_threads(SIGRTMAX);
	err = n < 0 ? n : await_threads(n);
	/* After a time-out a late signal must still find the handler. */
	if (err == -ETIMEDOUT)
		return err;
	sigaction(SIGRTMAX, &old, NULL);
	sem_destroy(&thread_done);
	return err;
}

/* --- the steps ---------------------------------------------------------------- */

static void look(struct had *had)
{
	uid_t r, e, s;

	getresuid(&r, &e, &s);
	had->root = !r || !e || !s;
	had->setpcap = has_cap(CAP_SETPCAP);
	had->setgid = has_cap(CAP_SETGID);
}

static int change_identity(uid_t uid, gid_t gid, const char **step)
{
	*step = "setresgid";
	if (setresgid(gid, gid, gid) < 0)
		return -errno;
	*step = "setresuid";
	if (setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int forbid_dumps(const char **step)
{
	struct rlimit none = { 0, 0 };

	*step = "core size";
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	*step = "dumpable";
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int give_up(const struct had *had, uid_t uid, gid_t gid,
		   const char **step)
{
	int err = 0;

	*step = "setgroups";
	if (had->setgid && setgroups(0, NULL) < 0)
		return -errno;
	/* While there is CAP_SETPCAP: the next step takes it. */
	*step = "bounding set";
	if (had->setpcap)
		err = on_every_thread(drop_bounding);
	if (err)
		return err;
	if (had->root)
		err = change_identity(uid, gid, step);
	if (err)
		return err;
	*step = "no_new_privs";
	err = on_every_thread(forbid_new);
	if (err)
		return err;
	*step = "capset";
	return on_every_thread(drop_caps);
}

/* --- the proof ------------------------------------------------------------------ */

static int line_is_zero(const char *value)
{
	return strspn(value, "0\n") == strlen(value);
}

/* Does a line of /proc/self/task/TID/status speak against us? */
static const char *objection(const char *line, const struct had *had)
{
	static const char *const zero[] = { "CapInh:\t", "CapPrm:\t",
					    "CapEff:\t", "CapAmb:\t" };
	uid_t r, e, s, f;

	for (size_t i = 0; i < sizeof(zero) / sizeof(*zero); i++) {
		size_t n = strlen(zero[i]);

		if (!strncmp(line, zero[i], n) && !line_is_zero(line + n))
			return "capability sets read back";
	}
	if (had->setpcap && !strncmp(line, "CapBnd:\t", 8) &&
	    !line_is_zero(line + 8))
		return "bounding set read back";
	if (!strncmp(line, "NoNewPrivs:\t0", 13))
		return "no_new_privs read back";
	if (sscanf(line, "Uid:\t%u\t%u\t%u\t%u", &r, &e, &s, &f) == 4 &&
	    (!r || !e || !s || !f))
		return "uids read back";
	return NULL;
}

/*
 * Read through the task's own directory: after the change of dumpable these
 * files belong to root, but stay readable for all.
 */
static int prove_thread(const char *tid, const struct had *had,
			const char **step)
{
	const char *against = NULL;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", tid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno; /* it ended */
	while (!against && fgets(line, sizeof(line), f))
		against = objection(line, had);
	fclose(f);
	if (!against)
		return 0;
	*step = against;
	return -EPERM;
}

static int prove(const struct had *had, const char **step)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *e;
	int err = 0, n = 0;

	*step = "reading /proc/self/task";
	if (!dir)
		return -errno;
	while (!err && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		err = prove_thread(e->d_name, had, step);
		n++;
	}
	closedir(dir);
	if (!err && !n)
		return -ESRCH;
	return err;
}

int pk_sandbox_enter(uid_t uid, gid_t gid, const char **step)
{
	struct had had;
	int err;

	*step = "identity";
	if (!uid || !gid)
		return -EINVAL;
	look(&had);
	err = give_up(&had, uid, gid, step);
	if (!err)
		err = forbid_dumps(step);
	if (!err)
		err = prove(&had, step);
	return err;
}
