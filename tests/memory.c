/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory CTL_SOCKET BUS_ENDPOINT NETNS PID ITEMS
 *
 * How much memory a daemon (PID) takes while a feed of ITEMS indicators is
 * loaded, then replaced by another of as many that shares half of them, and how
 * late threats are meanwhile. tests/netns_memory.sh sets up what it needs.
 *
 * A thread sends RATE frames a second on w0 in NETNS, each a flow of its own,
 * every 16th from an address that was not seen before; all are listed by the
 * feed "watch" throughout. So each frame is a hit, and each address a threat.
 * Late is what comes by the bus long after the frame was given to the kernel.
 *
 * Memory is VmRSS of the daemon and what an upload that is not mapped yet holds;
 * looked at every 5 ms, and by the kernel's own peak (VmHWM). It is compared
 * with what the daemon says of itself, at the end of each step:
 *	store	bytes of the store
 *	images	the base slots of the planes' memory: the active one, and the
 *		one before, which the next base is built in; and the kernel's
 *		maps of them, which the daemon has mapped
 *
 * Prints TAP, and the figures as comments; JSON=1: as NDJSON too.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "control/cli/client.h"
#include "tests/memory_traffic.h"

enum {
	LOOK_US = 5000,
	WAIT_MS = 600000,
	LATE_MS = 5, /* the goal */
};

/* --- memory -------------------------------------------------------------------- */

struct memory {
	uint64_t all, anon, shared, maps, upload; /* KiB */
	uint64_t hwm;
	uint64_t child;		  /* its own pages */
	uint64_t waited, longest; /* us, of its loop, for a core */
};

struct watcher {
	pthread_t thread;
	const char *pid;
	pthread_mutex_t lock;
	struct memory peak;
	uint64_t child, waited, longest;
	_Atomic unsigned stop;
};

static uint64_t number_behind(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at ? strtoull(at + strlen(word), NULL, 10) : 0;
}

static void read_text(char *out, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

	out[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
}

/* An upload that comes in is in a memfd, and in nobody's VmRSS yet. */
static uint64_t upload_kib(const char *pid)
{
	char path[512], target[64];
	struct dirent *e;
	uint64_t sum = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		struct stat st;
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, e->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = 0;
		if (strstr(target, "picket-upload") && !stat(path, &st))
			sum += (uint64_t)st.st_blocks / 2;
	}
	if (dir)
		closedir(dir);
	return sum;
}

static uint64_t child_kib(const char *pid)
{
	char path[64], text[4096], child[16] = "";

	snprintf(path, sizeof(path), "/proc/%s/task/%s/children", pid, pid);
	read_text(text, sizeof(text), path);
	if (sscanf(text, "%15s", child) != 1)
		return 0;
	snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", child);
	read_text(text, sizeof(text), path);
	return number_behind(text, "Private_Clean:") +
	       number_behind(text, "Private_Dirty:");
}

/* How long its loop has waited for a core that others had, ever; us. */
static uint64_t waited_us(const char *pid)
{
	char path[64], text[128], *end;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid, pid);
	read_text(text, sizeof(text), path);
	strtoull(text, &end, 10);
	return strtoull(end, NULL, 10) / 1000;
}

static void look(const char *pid, struct memory *m)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	read_text(text, sizeof(text), path);
	m->anon = number_behind(text, "RssAnon:");
	m->maps = number_behind(text, "RssFile:");
	m->shared = number_behind(text, "RssShmem:");
	m->hwm = number_behind(text, "VmHWM:");
	m->upload = upload_kib(pid);
	m->all = m->anon + m->maps + m->shared + m->upload;
}

static void *watch_all(void *arg)
{
	struct watcher *w = arg;

	uint64_t before = waited_us(w->pid);

	for (unsigned i = 0; !w->stop; i++) {
		struct memory now = { 0 };
		uint64_t waited = waited_us(w->pid);
		uint64_t child = i % 40 ? 0 : child_kib(w->pid);

		look(w->pid, &now);
		pthread_mutex_lock(&w->lock);
		if (now.all > w->peak.all)
			w->peak = now;
		if (child > w->child)
			w->child = child;
		w->waited += waited - before;
		if (waited - before > w->longest)
			w->longest = waited - before;
		before = waited;
		pthread_mutex_unlock(&w->lock);
		pause_us(LOOK_US);
	}
	return NULL;
}

/* From now on, or what it was since then. */
static void begin_peak(struct watcher *w)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/clear_refs", w->pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "5", 1) != 1)
		die("%s: %s", path, strerror(errno));
	close(fd);
	pthread_mutex_lock(&w->lock);
	memset(&w->peak, 0, sizeof(w->peak));
	w->child = w->waited = w->longest = 0;
	pthread_mutex_unlock(&w->lock);
}

static struct memory end_peak(struct watcher *w)
{
	struct memory peak, now;

	look(w->pid, &now);
	pthread_mutex_lock(&w->lock);
	peak = w->peak;
	peak.child = w->child;
	peak.waited = w->waited;
	peak.longest = w->longest;
	pthread_mutex_unlock(&w->lock);
	peak.hwm = now.hwm;
	return peak;
}

/* --- the daemon ---------------------------------------------------------------- */

/* Who is silent for long is hung up on: a connection for each question. */
static struct json_object *ask(const char *path, const char *op,
			       struct json_object *args, int fd)
{
	struct pk_client *client;
	struct pk_client_call call = { .op = op,
				       .args = args,
				       .timeout_ms = WAIT_MS };
	struct json_object *answer, *result;
	struct stat st;
	int err;

	if (fd >= 0 && (fstat(fd, &st) || lseek(fd, 0, SEEK_SET)))
		die("a list is gone");
	if (fd >= 0) {
		call.bytes = (uint64_t)st.st_size;
		call.fd = fd;
	}
	err = pk_client_open(&client, path);
	if (!err)
		err = pk_client_call(client, &call, &answer);
	if (err)
		die("%s: %s", op, strerror(-err));
	if (!json_object_object_get_ex(answer, "result", &result))
		die("%s: %s", op, json_object_to_json_string(answer));
	json_object_get(result);
	json_object_put(answer);
	json_object_put(args);
	pk_client_close(client);
	return result;
}

static void load(const char *path, const char *op, const char *feed, int fd)
{
	struct json_object *args = json_object_new_object();

	json_object_object_add(args, "feed", json_object_new_string(feed));
	json_object_object_add(args, "name", json_object_new_string(feed));
	json_object_object_add(args, "format", json_object_new_string("lines"));
	json_object_object_add(args, "force", json_object_new_boolean(1));
	json_object_put(ask(path, op, args, fd));
	close(fd);
}

struct sizes {
	uint64_t items, store, image, kernel,
		before; /* KiB but for the first */
	char state[16];
};

static struct json_object *at(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(o, key, &value);
	return value;
}

static void ask_sizes(const char *path, struct sizes *s)
{
	struct json_object *o = ask(path, "ioc status", NULL, -1);

	memset(s, 0, sizeof(*s));
	s->items = (uint64_t)json_object_get_int64(at(o, "items"));
	s->store =
		(uint64_t)json_object_get_int64(at(at(o, "store"), "bytes")) /
		1024;
	s->image = (uint64_t)json_object_get_int64(
			   at(at(at(o, "image"), "base"), "bytes")) /
		   1024;
	snprintf(s->state, sizeof(s->state), "%s",
		 json_object_get_string(at(o, "state")));
	json_object_put(o);
}

/* What it has mapped of the maps in the kernel. */
static uint64_t kernel_kib(const char *pid)
{
	char path[64], line[512];
	int ours = 0;
	uint64_t sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/smaps", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, "anon_inode:") || strstr(line, "bpf-map"))
			ours = 1;
		else if (ours && !strncmp(line, "Rss:", 4)) {
			sum += strtoull(line + 4, NULL, 10);
			ours = 0;
		}
	}
	if (f)
		fclose(f);
	return sum;
}

static int has_child(const char *pid)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%s/task/%s/children", pid, pid);
	read_text(text, sizeof(text), path);
	return text[0] != 0;
}

/* --- steps --------------------------------------------------------------------- */

struct rig {
	const char *path; /* of the control socket */
	struct listener listener;
	struct watcher watcher;
	const char *pid;
	uint64_t before; /* KiB of the base slot that is not active */
	uint32_t items;
	int met;
};

static int by_value(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static float percentile(const float *ms, unsigned n, unsigned pct)
{
	return n ? ms[(n * pct + 99) / 100 - 1] : 0;
}

static void figure(const char *name, const char *unit, double value,
		   double goal)
{
	if (getenv("JSON"))
		printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\","
		       "\"baseline\":null,\"ratio\":null,\"goal\":%.2f,"
		       "\"met\":%s}\n",
		       name, value, unit, goal,
		       value <= goal ? "true" : "false");
}

static void tell_latency(const char *step, const char *what, float *ms,
			 unsigned n)
{
	char name[64];
	float p99;

	qsort(ms, n, sizeof(*ms), by_value);
	p99 = percentile(ms, n, 99);
	printf("# %s: %u %s, ms from frame to bus: p50 %.2f p99 %.2f max %.2f (goal p99 %d: %s)\n",
	       step, n, what, percentile(ms, n, 50), p99, n ? ms[n - 1] : 0,
	       LATE_MS, p99 <= LATE_MS ? "met" : "NOT MET");
	snprintf(name, sizeof(name), "bus.latency.p99.%s.%s", step, what);
	figure(name, "ms", p99, LATE_MS);
}

/* Of the frames from number @from on that were sent; 0 is what never came. */
static void tell_late(const char *step, unsigned from, unsigned to)
{
	static float ms[FRAMES];
	unsigned n = 0, longest = 0, run = 0;

	for (unsigned i = from; i < to; i++) {
		if (traffic.hit_ms[i] > 0)
			ms[n++] = traffic.hit_ms[i];
		run = traffic.hit_ms[i] > LATE_MS ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	tell_latency(step, "hits", ms, n);
	n = 0;
	for (unsigned i = (from + OF_SOURCE - 1) / OF_SOURCE;
	     i < to / OF_SOURCE; i++)
		if (traffic.threat_ms[i] > 0)
			ms[n++] = traffic.threat_ms[i];
	tell_latency(step, "threats", ms, n);
	if (getenv("PK_TRACE"))
		for (unsigned i = from; i < to; i++)
			if (traffic.hit_ms[i] > 4 * LATE_MS)
				printf("# late: frame %u at %.2f s: %.1f ms\n",
				       i,
				       (double)(traffic.at[i] -
						traffic.at[from]) /
					       1e9,
				       (double)traffic.hit_ms[i]);
}

static double mib(uint64_t kib)
{
	return (double)kib / 1024;
}

static void tell_memory(struct rig *r, const char *step,
			const struct memory *peak)
{
	struct sizes s;
	uint64_t planes, all;
	double ratio, one;
	char name[64];

	ask_sizes(r->path, &s);
	planes = s.image + r->before;
	s.kernel = kernel_kib(r->pid);
	all = s.store + planes + s.kernel;
	ratio = (double)peak->all / (double)all;
	one = (double)(peak->all - s.kernel) / (double)(s.store + s.image);
	printf("# %s: %llu items; store %.0f MiB, image %.0f MiB, the base before it %.0f MiB, kernel's maps %.0f MiB\n",
	       step, (unsigned long long)s.items, mib(s.store), mib(s.image),
	       mib(r->before), mib(s.kernel));
	printf("# %s: peak %.0f MiB (VmHWM %.0f): private %.0f, shared %.0f, maps and files %.0f, upload not mapped %.0f; a snapshot's child has %.0f of its own\n",
	       step, mib(peak->all), mib(peak->hwm), mib(peak->anon),
	       mib(peak->shared), mib(peak->maps), mib(peak->upload),
	       mib(peak->child));
	printf("# %s: peak / (store + all images) = %.2f (goal 1.25: %s); without the kernel's maps, to the store and the one active image: %.2f\n",
	       step, ratio, ratio <= 1.25 ? "met" : "NOT MET", one);
	printf("# %s: the daemon's loop waited %.0f ms in all for a core that others had, %.0f ms the longest\n",
	       step, (double)peak->waited / 1000, (double)peak->longest / 1000);
	snprintf(name, sizeof(name), "ioc.memory.%s", step);
	figure(name, "ratio", ratio, 1.25);
	r->before = s.image;
}

/* The base that was published is on disk, and nothing is under way. */
static void settle(struct rig *r)
{
	struct sizes s;
	unsigned quiet = 0;

	for (unsigned i = 0; i < WAIT_MS / 250 && quiet < 12; i++) {
		pause_us(250000);
		quiet = has_child(r->pid) ? 0 : quiet + 1;
	}
	ask_sizes(r->path, &s);
	if (strcmp(s.state, "ok"))
		die("it is still %s", s.state);
}

static void one_step(struct rig *r, const char *step, const char *op, int fd)
{
	unsigned from = traffic.sent, to;
	uint64_t begin = clock_ns(CLOCK_MONOTONIC);
	double answered;
	struct memory peak;

	begin_peak(&r->watcher);
	load(r->path, op, "big", fd);
	answered = (double)(clock_ns(CLOCK_MONOTONIC) - begin) / 1e9;
	to = traffic.sent;
	settle(r);
	printf("# %s: answered after %.2f s\n", step, answered);
	peak = end_peak(&r->watcher);
	tell_memory(r, step, &peak);
	pause_us(500000);
	tell_late(step, from, to);
	tell_late(!strcmp(step, "load") ? "snapshot" : "snapshot-2", to,
		  traffic.sent - RATE / 5);
	fflush(stdout);
}

static void start(struct rig *r, char **argv)
{
	static const char *const topics[] = { "v1/hit/", "v1/threat/" };
	int err;

	r->path = argv[1];
	load(r->path, "ioc replace", "watch", make_watched());
	err = pk_bus_subscribe(&r->listener.sub, argv[2], topics, 2);
	if (err)
		die("%s: %s", argv[2], strerror(-err));
	traffic.netns = argv[3];
	r->pid = r->watcher.pid = argv[4];
	pthread_mutex_init(&r->watcher.lock, NULL);
	if (pthread_create(&r->listener.thread, NULL, listen_all,
			   &r->listener) ||
	    pthread_create(&r->watcher.thread, NULL, watch_all, &r->watcher))
		die("no thread");
	pause_us(999999);
	if (pthread_create(&traffic.thread, NULL, send_all, NULL))
		die("no thread");
}

static void stop(struct rig *r)
{
	traffic.stop = 1;
	pthread_join(traffic.thread, NULL);
	for (int i = 0; i < 100 && r->listener.hits < traffic.sent; i++)
		pause_us(100000);
	r->listener.stop = r->watcher.stop = 1;
	pthread_join(r->listener.thread, NULL);
	pthread_join(r->watcher.thread, NULL);
	pk_bus_sub_free(r->listener.sub);
}

static int verdict(const struct rig *r)
{
	unsigned sent = traffic.sent,
		 sources = (sent + OF_SOURCE - 1) / OF_SOURCE;
	int hits = r->listener.hits == sent,
	    threats = r->listener.threats == sources;

	printf("# %u frames, %u hits, %u threats of %u addresses, %llu messages of the bus lost\n",
	       sent, r->listener.hits, r->listener.threats, sources,
	       (unsigned long long)r->listener.missed);
	printf("%sok 1 - every frame is a hit, whatever is loaded\n",
	       hits ? "" : "not ");
	printf("%sok 2 - every address is a threat\n", threats ? "" : "not ");
	printf("1..2\n");
	return hits && threats ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct rig r;

	if (argc == 6)
		r.items = (uint32_t)strtoul(argv[5], NULL, 10);
	if (!r.items) {
		fputs("usage: memory CTL_SOCKET BUS_ENDPOINT NETNS PID ITEMS\n",
		      stderr);
		return 2;
	}
	start(&r, argv);
	for (int i = 0; i < 12; i++)
		pause_us(250000);
	tell_late("idle", RATE, traffic.sent - RATE / 5);
	one_step(&r, "load", "ioc load", make_list(0, r.items));
	one_step(&r, "replace", "ioc replace",
		 make_list(r.items / 2, r.items + r.items / 2));
	stop(&r);
	return verdict(&r);
}
