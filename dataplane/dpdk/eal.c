/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/eal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

enum {
	LINE_BYTES = 160,
	ARGS = 24,
	ARG_BYTES = 2048,
	HUGE_PAGE_MIB = 2,
};

struct complaints {
	pthread_mutex_t lock;
	FILE *stream;
	char first[LINE_BYTES];
	char last[LINE_BYTES];
	char both[2 * LINE_BYTES + 8];
	int running;
};

static struct complaints heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* One line of DPDK, without its end and its "EAL: " or function prefix. */
static void keep_line(char *to, const char *line, size_t len)
{
	while (len && (line[len - 1] == '\n' || line[len - 1] == ' '))
		len--;
	if (len >= LINE_BYTES)
		len = LINE_BYTES - 1;
	memcpy(to, line, len);
	to[len] = '\0';
}

static ssize_t take_log(void *cookie, const char *text, size_t len)
{
	(void)cookie;
	if (rte_log_cur_msg_loglevel() > (int)RTE_LOG_ERR || len < 2)
		return (ssize_t)len;
	pthread_mutex_lock(&heard.lock);
	keep_line(*heard.first ? heard.last : heard.first, text, len);
	pthread_mutex_unlock(&heard.lock);
	return (ssize_t)len;
}

const char *pk_eal_complaint(void)
{
	pthread_mutex_lock(&heard.lock);
	snprintf(heard.both, sizeof(heard.both), "%s%s%s", heard.first,
		 *heard.last ? "; " : "", heard.last);
	*heard.first = *heard.last = '\0';
	pthread_mutex_unlock(&heard.lock);
	return heard.both;
}

static void catch_log(void)
{
	cookie_io_functions_t io = { .write = take_log };

	heard.stream = fopencookie(NULL, "w", io);
	if (!heard.stream)
		return;
	setvbuf(heard.stream, NULL, _IOLBF, 0);
	rte_openlog_stream(heard.stream);
}

static long read_long(const char *path)
{
	FILE *f = fopen(path, "re");
	long value = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%ld", &value) != 1)
		value = 0;
	fclose(f);
	return value;
}

#define HUGE_FOLDER "/sys/kernel/mm/hugepages/hugepages-2048kB/"

static int enough_pages(const char *name, unsigned memory_mib, pk_say_fn *say,
			void *arg)
{
	long need = (memory_mib + HUGE_PAGE_MIB - 1) / HUGE_PAGE_MIB;
	long have = read_long(HUGE_FOLDER "free_hugepages");
	long total = read_long(HUGE_FOLDER "nr_hugepages");

	if (have >= need)
		return 0;
	pk_say(say, arg,
	       "port %s: %u MiB need %ld hugepages of 2 MiB and %ld are free: set sysctl vm.nr_hugepages=%ld, or start with --no-huge",
	       name, memory_mib, need, have, total - have + need);
	return -ENOMEM;
}

/* An argument vector in one piece of memory. */
struct args {
	int count;
	char *argv[ARGS + 1];
	size_t used;
	char text[PK_DEVICE_BYTES + ARG_BYTES];
};

__attribute__((format(printf, 2, 3))) static void add(struct args *a,
						      const char *format, ...)
{
	char *to = a->text + a->used;
	size_t left = sizeof(a->text) - a->used;
	va_list args;
	int len;

	if (a->count == ARGS || !left)
		return;
	va_start(args, format);
	len = vsnprintf(to, left, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= left)
		return;
	a->argv[a->count++] = to;
	a->used += (size_t)len + 1;
}

/* "(0-N)@(c,c,..)": all lcores on all CPUs that we may use. */
static void add_lcores(struct args *a, unsigned workers)
{
	char list[1024];
	size_t len = 0;
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		CPU_ZERO(&cpus);
	for (int i = 0; i < CPU_SETSIZE && len < sizeof(list) - 8; i++)
		if (CPU_ISSET(i, &cpus))
			len += (size_t)sprintf(list + len, "%s%d",
					       len ? "," : "", i);
	if (!len)
		strcpy(list, "0");
	add(a, "--lcores=(0-%u)@(%s)", workers, list);
	add(a, "--main-lcore=0");
}

static void fill_args(struct args *a, const struct pk_device *d,
		      const struct pk_options *o, unsigned memory_mib)
{
	add(a, "picket-dpdk");
	add(a, "--file-prefix=picket-%s", o->name);
	add(a, "--no-telemetry");
	add(a, "--no-shconf");
	add(a, "--log-level=warning");
	add_lcores(a, o->workers);
	add(a, "-m");
	add(a, "%u", memory_mib);
	add(a, o->no_huge ? "--no-huge" : "--in-memory");
	if (d->pci) {
		add(a, "-a");
		add(a, "%s", d->text);
		return;
	}
	add(a, "--no-pci");
	add(a, "--iova-mode=va");
	add(a, "--vdev=%s", d->text);
}

int pk_eal_start(const struct pk_device *d, const struct pk_options *o,
		 pk_say_fn *say, void *arg)
{
	unsigned memory = o->memory_mib ? o->memory_mib : d->memory_mib;
	struct args args = { 0 };
	int err = 0;

	if (!o->no_huge)
		err = enough_pages(o->name, memory, say, arg);
	if (err)
		return err;
	catch_log();
	fill_args(&args, d, o, memory);
	if (rte_eal_init(args.count, args.argv) < 0) {
		err = rte_errno ? -rte_errno : -EIO;
		pk_say(say, arg,
		       "port %s: DPDK does not start on %s (%s): %s; check the device and --memory %u",
		       o->name, d->text, strerror(-err), pk_eal_complaint(),
		       memory);
		return err;
	}
	heard.running = 1;
	/* Made although nothing is shared; it is empty. */
	rmdir(rte_eal_get_runtime_dir());
	return 0;
}

void pk_eal_stop(void)
{
	if (heard.running)
		rte_eal_cleanup();
	heard.running = 0;
	if (heard.stream) {
		rte_openlog_stream(NULL);
		fclose(heard.stream);
		heard.stream = NULL;
	}
}
