/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_FD = 3 };

static int close_between(unsigned first, unsigned last, unsigned flags)
{
	if (first > last)
		return 0;
	return syscall(SYS_close_range, first, last, flags) ? -errno : 0;
}

/* Copies above the targets first: a target may be another one's source. */
static int place_fds(const int *fds, uint32_t count)
{
	int *high = calloc(count + 1, sizeof(*high));

	if (!high)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + (int)count);
		if (high[i] < 0)
			return -errno;
	}
	for (uint32_t i = 0; i < count; i++)
		if (dup2(high[i], FIRST_FD + (int)i) < 0)
			return -errno;
	return 0;
}

static void default_signals(void)
{
	sigset_t none;

	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Returns only on failure. */
static int become(const struct pk_child_conf *c, int report, pid_t parent)
{
	static char *const environment[] = { NULL };
	int program, err;

	default_signals();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return -ESRCH;
	/* the program and the report must not sit where an fd belongs */
	program = fcntl(c->program, F_DUPFD_CLOEXEC, FIRST_FD + (int)c->count);
	if (program < 0)
		return -errno;
	report = fcntl(report, F_DUPFD_CLOEXEC, FIRST_FD + (int)c->count);
	if (report < 0)
		return -errno;
	err = place_fds(c->fds, c->count);
	if (!err)
		err = close_between(FIRST_FD + c->count, ~0U,
				    CLOSE_RANGE_CLOEXEC);
	if (!err) {
		fexecve(program, (char *const *)c->argv, environment);
		err = -errno;
	}
	if (write(report, &err, sizeof(err)) < 0)
		return err;
	_exit(127);
}

int pk_child_start(pid_t *pid, const struct pk_child_conf *conf)
{
	pid_t parent = getpid(), child;
	int report[2], err = 0;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child < 0)
		err = -errno;
	if (!child) {
		err = become(conf, report[1], parent);
		if (write(report[1], &err, sizeof(err)) < 0)
			_exit(126);
		_exit(127);
	}
	close(report[1]);
	/* the pipe closes when the program runs, or brings why it does not */
	if (!err && read(report[0], &err, sizeof(err)) == sizeof(err))
		waitpid(child, NULL, 0);
	close(report[0]);
	if (err)
		return err;
	*pid = child;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int pk_child_keep_only(const int *fds, uint32_t count)
{
	unsigned next = FIRST_FD;
	int sorted[128], err;

	if (count > sizeof(sorted) / sizeof(sorted[0]))
		return -E2BIG;
	for (uint32_t i = 0; i < count; i++)
		sorted[i] = fds[i];
	qsort(sorted, count, sizeof(sorted[0]), by_number);
	for (uint32_t i = 0; i < count; i++) {
		if (sorted[i] < (int)next)
			continue;
		err = close_between(next, (unsigned)sorted[i] - 1, 0);
		if (err)
			return err;
		next = (unsigned)sorted[i] + 1;
	}
	return close_between(next, ~0U, 0);
}

int pk_deaths_add(struct pk_deaths *d, uint64_t now_ms)
{
	/* the ring's place of this death holds the one PK_CHILD_FENCE ago */
	d->at_ms[d->total++ % PK_CHILD_FENCE] = now_ms;
	if (d->total < PK_CHILD_FENCE)
		return 0;
	return now_ms - d->at_ms[d->total % PK_CHILD_FENCE] < PK_CHILD_FENCE_MS;
}
