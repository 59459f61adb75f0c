/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics: histograms against sorted lists, the text against a reader of its
 * own, the tree against what was put into it, and the server against clients
 * that behave and clients that do not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <json-c/json.h>

#include "control/metrics/exposition.h"
#include "control/metrics/latency.h"
#include "control/metrics/server.h"
#include "control/metrics/tree.h"
#include "control/text.h"

static uint64_t state = 1;

static uint64_t next_random(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 16;
}

/* --- histograms ------------------------------------------------------------ */

static void assert_in_its_bucket(uint64_t ns)
{
	unsigned i = pk_histogram_index(ns);

	assert_true(i < PK_HISTOGRAM_BUCKETS);
	assert_true(ns <= pk_histogram_bound(i));
	assert_true(!i || ns > pk_histogram_bound(i - 1));
}

static void each_time_is_in_the_bucket_of_its_bounds(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i + 1 < PK_HISTOGRAM_BUCKETS; i++) {
		assert_in_its_bucket(pk_histogram_bound(i));
		assert_in_its_bucket(pk_histogram_bound(i) + 1);
		assert_in_its_bucket(pk_histogram_bound(i) - 1);
		assert_true(pk_histogram_bound(i) < pk_histogram_bound(i + 1));
	}
	assert_in_its_bucket(0);
	assert_in_its_bucket(UINT64_MAX);
	for (int i = 0; i < 100000; i++)
		assert_in_its_bucket(next_random() >> next_random() % 48);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

enum { MANY = 5000 };

static void a_quantile_is_at_most_a_quarter_too_high(void **unused)
{
	static const unsigned permille[] = { 1, 500, 900, 990, 999, 1000 };
	static struct pk_histogram h;
	static uint64_t v[MANY];

	(void)unused;
	assert_int_equal(pk_histogram_quantile(&h, 500), 0);
	for (int i = 0; i < MANY; i++) {
		v[i] = 1024 + next_random() % (1ULL << 30);
		pk_histogram_add(&h, v[i]);
	}
	qsort(v, MANY, sizeof(v[0]), by_value);
	for (size_t i = 0; i < sizeof(permille) / sizeof(permille[0]); i++) {
		uint64_t is = v[MANY / 1000 * permille[i] - 1];
		uint64_t told = pk_histogram_quantile(&h, permille[i]);

		assert_true(told >= is);
		assert_true(told <= is + is / 4 + 1);
	}
	for (unsigned o = PK_HISTOGRAM_LOW; o <= PK_HISTOGRAM_HIGH; o++) {
		uint64_t count = 0;

		for (int i = 0; i < MANY; i++)
			count += v[i] <= 1ULL << o;
		assert_int_equal(pk_histogram_upto(&h, o), count);
	}
}

static void one_is_every_quantile(void **unused)
{
	struct pk_histogram h = { 0 };

	(void)unused;
	pk_histogram_add(&h, 12345);
	assert_int_equal(pk_histogram_quantile(&h, 1), 12345);
	assert_int_equal(pk_histogram_quantile(&h, 990), 12345);
	pk_histogram_add(&h, 1ULL << 60);
	assert_int_equal(pk_histogram_quantile(&h, 990), 1ULL << 60);
}

static void a_threat_is_measured_when_it_was_told(void **unused)
{
	static struct pk_latency l;
	const struct pk_histogram *told = &l.of[PK_LATENCY_TOLD][1];
	const struct pk_histogram *total = &l.of[PK_LATENCY_TOTAL][1];

	(void)unused;
	pk_latency_wait(&l, PK_LATENCY_FLOW, 1000, 5000);
	assert_int_equal(told->count, 0);
	pk_latency_commit(&l, 9000, 12000);
	assert_int_equal(told->max_ns, 4000);
	assert_int_equal(l.of[PK_LATENCY_PUBLISHED][1].max_ns, 3000);
	assert_int_equal(total->max_ns, 11000);
	assert_int_equal(l.of[PK_LATENCY_TOLD][0].count, 0);
	pk_latency_commit(&l, 20000, 20000); /* nothing waits any more */
	assert_int_equal(total->count, 1);
	pk_latency_wait(&l, PK_LATENCY_FLOW, 1000, 5000);
	pk_latency_commit(&l, 10, 10); /* the clock was set back */
	assert_int_equal(total->count, 2);
	assert_int_equal(total->max_ns, 11000);
}

static void threats_beyond_the_bound_are_not_measured(void **unused)
{
	static struct pk_latency l;

	(void)unused;
	for (int i = 0; i < PK_LATENCY_PENDING + 10; i++)
		pk_latency_wait(&l, PK_LATENCY_HIT, 1, 2);
	pk_latency_commit(&l, 3, 4);
	assert_int_equal(l.of[PK_LATENCY_TOTAL][0].count, PK_LATENCY_PENDING);
}

/* --- the text -------------------------------------------------------------- */

/*
 * One sample, read as the format says: the value of its only label, unescaped,
 * into @out; the number behind it. -1 for a line that is none.
 */
static int64_t read_sample(const char *line, const char *head, char *out)
{
	size_t n = strlen(head);
	char *end;
	long long value;

	if (strncmp(line, head, n) != 0)
		return -1;
	for (line += n; *line && *line != '"'; line++) {
		if (*line == '\n')
			return -1;
		if (*line == '\\') {
			line++;
			if (!strchr("\\\"n", *line) || !*line)
				return -1;
			*out++ = *line == 'n' ? '\n' : *line;
			continue;
		}
		*out++ = *line;
	}
	*out = 0;
	if (strncmp(line, "\"} ", 3) != 0)
		return -1;
	value = strtoll(line + 3, &end, 10);
	return *end == '\n' ? value : -1;
}

static void assert_survives(const char *value)
{
	const struct pk_labels labels = { .label = { { "feed", value } },
					  .count = 1 };
	const struct pk_sample s = { .module = "feed",
				     .name = "items",
				     .help = "of a feed",
				     .type = PK_METRIC_GAUGE,
				     .value = 7 };
	char got[1024], clean[PK_EXPOSITION_LABEL];
	struct pk_exposition *e;
	const char *line;
	char *text;
	size_t len;

	assert_int_equal(pk_exposition_new(&e), 0);
	pk_exposition_add(e, &s, &labels);
	assert_int_equal(pk_exposition_text(e, &text, &len), 0);
	assert_int_equal(len, strlen(text));
	line = strstr(text, "gauge\n");
	assert_non_null(line);
	assert_int_equal(
		read_sample(line + 6, "picket_feed_items{feed=\"", got), 7);
	pk_text_clean(value, clean, sizeof(clean));
	assert_string_equal(got, clean);
	free(text);
	pk_exposition_free(e);
}

static void a_label_survives_whatever_it_says(void **unused)
{
	static const char *const hostile[] = {
		"",	 "\"",	     "\\",	     "a\nb",
		"} 1\n", "\\n",	     "x\"} 5\n#",    "{le=\"+Inf\"}",
		"\x1b]", "\xff\xfe", "\xe2\x80\xae", "tail\\",
	};
	char value[64];

	(void)unused;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		assert_survives(hostile[i]);
	for (int i = 0; i < 20000; i++) {
		size_t n = next_random() % (sizeof(value) - 1);

		for (size_t k = 0; k < n; k++)
			value[k] = (char)(1 + next_random() % 255);
		value[n] = 0;
		assert_survives(value);
	}
}

static void samples_of_a_family_stand_together(void **unused)
{
	static const char want[] = "# HELP picket_a_x_total first\n"
				   "# TYPE picket_a_x_total counter\n"
				   "picket_a_x_total{n=\"1\"} 1\n"
				   "picket_a_x_total{n=\"2\"} 3\n"
				   "# HELP picket_a_y two\\nlines \\\\\n"
				   "# TYPE picket_a_y gauge\n"
				   "picket_a_y{n=\"1\"} 2\n";
	struct pk_sample x = { "a", "x", "first", PK_METRIC_COUNTER, 1 };
	const struct pk_sample y = { "a", "y", "two\nlines \\", PK_METRIC_GAUGE,
				     2 };
	struct pk_labels one = { .label = { { "n", "1" } }, .count = 1 };
	const struct pk_labels two = { .label = { { "n", "2" } }, .count = 1 };
	struct pk_exposition *e;
	char *text;
	size_t len;

	(void)unused;
	assert_int_equal(pk_exposition_new(&e), 0);
	pk_exposition_add(e, &x, &one);
	pk_exposition_add(e, &y, &one);
	x.value = 3;
	pk_exposition_add(e, &x, &two);
	assert_int_equal(pk_exposition_text(e, &text, &len), 0);
	assert_string_equal(text, want);
	free(text);
	pk_exposition_free(e);
}

/* --- the tree -------------------------------------------------------------- */

static struct json_object *child(struct json_object *o, const char *key)
{
	struct json_object *c = json_object_new_object();

	json_object_object_add(o, key, c);
	return c;
}

static struct json_object *make_status(void)
{
	struct json_object *o = json_object_new_object(), *list, *e;

	json_object_object_add(o, "pid", json_object_new_int(9));
	pk_tree_counter(child(o, "bus"), "published", 5, "told");
	pk_tree_counter(child(json_object_object_get(o, "bus"), "replay"),
			"open", 6, "now");
	pk_tree_gauge(child(o, "indicators"), "total", UINT64_MAX, "all");
	list = json_object_new_array();
	json_object_object_add(o, "planes", list);
	e = json_object_new_object();
	json_object_array_add(list, e);
	json_object_object_add(e, "plane", json_object_new_string("dpdk"));
	json_object_object_add(e, "port", json_object_new_string("p\"0"));
	json_object_object_add(e, "state", json_object_new_string("running"));
	pk_tree_counter(child(e, "counters"), "seen", 7, "frames");
	e = child(e, "reasons");
	pk_tree_by_key(e, "why");
	json_object_object_add(e, "short_eth", json_object_new_int(8));
	return o;
}

static void what_is_marked_is_exported_under_its_name(void **unused)
{
	static const char *const lines[] = {
		"\n# TYPE picket_bus_published_total counter\n",
		"\npicket_bus_published_total 5\n",
		"\n# TYPE picket_bus_replay_open gauge\n",
		"\npicket_bus_replay_open 6\n",
		"\npicket_indicators 18446744073709551615\n",
		"\npicket_plane_seen_total{plane=\"dpdk\",port=\"p\\\"0\"} 7\n",
		"\npicket_plane_reasons_total{plane=\"dpdk\",port=\"p\\\"0\","
		"reason=\"short_eth\"} 8\n",
		"\npicket_plane_up{plane=\"dpdk\",port=\"p\\\"0\"} 1\n",
	};
	struct json_object *status = make_status();
	struct pk_exposition *e;
	char *text;
	size_t len;

	(void)unused;
	assert_int_equal(pk_exposition_new(&e), 0);
	pk_tree_metrics(status, e);
	assert_int_equal(pk_exposition_text(e, &text, &len), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(text, lines[i]))
			fail_msg("%s is not in\n%s", lines[i], text);
	assert_null(strstr(text, "pid"));
	free(text);
	pk_exposition_free(e);
	json_object_put(status);
}

/* --- the server ------------------------------------------------------------ */

enum { LARGE = 8 << 20, PATIENCE_MS = 20000 };

struct rig {
	struct event_base *base;
	struct event *stop;
	struct pk_metrics *m;
	pthread_t thread;
	int pipe[2];
	unsigned renders;
};

/* Longer than what the sockets of a connection hold. */
static int render(void *arg, char **text, size_t *len)
{
	struct rig *r = arg;

	*text = malloc(LARGE);
	if (!*text)
		return -ENOMEM;
	memset(*text, '#', LARGE);
	*len = LARGE;
	r->renders++;
	return 0;
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void *loop(void *arg)
{
	event_base_dispatch(arg);
	return NULL;
}

static int set_up(void **out)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct pk_metrics_conf conf = { .listen = "127.0.0.1:0",
					.render = render,
					.arg = r };

	assert_non_null(r);
	r->base = conf.base = event_base_new();
	assert_int_equal(pipe(r->pipe), 0);
	r->stop = event_new(r->base, r->pipe[0], EV_READ, on_stop, r->base);
	event_add(r->stop, NULL);
	assert_int_equal(pk_metrics_new(&r->m, &conf), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, loop, r->base), 0);
	*out = r;
	return 0;
}

static int tear_down(void **in)
{
	struct rig *r = *in;

	assert_int_equal(write(r->pipe[1], "x", 1), 1);
	pthread_join(r->thread, NULL);
	pk_metrics_free(r->m);
	event_free(r->stop);
	event_base_free(r->base);
	close(r->pipe[0]);
	close(r->pipe[1]);
	free(r);
	return 0;
}

static int dial(const struct rig *r)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(pk_metrics_port(r->m)),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* All that comes until the other end closes: its length. */
static size_t read_end(int fd, char *out, size_t size)
{
	struct pollfd p = { fd, POLLIN, 0 };
	static char rest[65536];
	size_t total = 0;
	ssize_t n;

	for (;;) {
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		n = read(fd, rest, sizeof(rest));
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++, total++)
			if (total + 1 < size)
				out[total] = rest[i];
	}
	out[total < size ? total : size - 1] = 0;
	close(fd);
	return total;
}

static size_t ask(const struct rig *r, const char *request, char out[4096])
{
	int fd = dial(r);

	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	return read_end(fd, out, 4096);
}

#define HOST " HTTP/1.1\r\nHost: x\r\n\r\n"

static void the_text_is_served_and_nothing_else(void **in)
{
	const struct rig *r = *in;
	char out[4096];

	assert_true(ask(r, "GET /metrics" HOST, out) > LARGE);
	assert_non_null(strstr(out, "HTTP/1.1 200 "));
	assert_non_null(strstr(out, "text/plain; version=0.0.4"));
	assert_true(ask(r, "HEAD /metrics" HOST, out) < 1000);
	assert_non_null(strstr(out, "HTTP/1.1 200 "));
	ask(r, "GET /healthz" HOST, out);
	assert_non_null(strstr(out, "\r\n\r\nok\n"));
	ask(r, "GET /" HOST, out);
	assert_non_null(strstr(out, "HTTP/1.1 404 "));
	ask(r, "GET /metrics/../../etc/passwd" HOST, out);
	assert_non_null(strstr(out, "HTTP/1.1 404 "));
	ask(r,
	    "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
	    out);
	assert_non_null(strstr(out, "HTTP/1.1 405 "));
	assert_non_null(strstr(out, "GET, HEAD"));
	ask(r, "DELETE /metrics" HOST, out);
	assert_non_null(strstr(out, "HTTP/1.1 405 "));
}

static void many_askers_are_given_one_text(void **in)
{
	const struct rig *r = *in;
	char out[4096];

	for (int i = 0; i < 40; i++)
		assert_true(ask(r, "HEAD /metrics" HOST, out) > 0);
	assert_true(r->renders >= 1 && r->renders < 40);
}

static void nonsense_ends_its_connection_only(void **in)
{
	const struct rig *r = *in;
	char out[4096], noise[3000];

	for (int i = 0; i < 100; i++) {
		size_t n = 1 + next_random() % sizeof(noise);
		int fd = dial(r);

		for (size_t k = 0; k < n; k++)
			noise[k] = (char)next_random();
		if (write(fd, noise, n) < 0)
			assert_int_equal(errno, EPIPE);
		close(fd);
	}
	ask(r, "GET /healthz" HOST, out);
	assert_non_null(strstr(out, "ok\n"));
}

static void a_client_that_does_not_read_keeps_nobody_waiting(void **in)
{
	const struct rig *r = *in;
	static const char request[] = "GET /metrics" HOST;
	int slow = dial(r);
	char out[4096];

	assert_true(write(slow, request, sizeof(request) - 1) > 0);
	for (int i = 0; i < 20; i++)
		assert_true(ask(r, "GET /metrics" HOST, out) > LARGE);
	/* it was cut off: all that is left is what was under way */
	close(slow);
}

/* They send a byte now and then, so they are never idle. */
static void clients_that_dawdle_are_cut_off(void **in)
{
	const struct rig *r = *in;
	int fd[PK_METRICS_CONNECTIONS], open = PK_METRICS_CONNECTIONS;
	struct pollfd p[PK_METRICS_CONNECTIONS];
	static const char request[] = "GET /healthz" HOST;
	char out[4096];
	int patient;

	for (int i = 0; i < PK_METRICS_CONNECTIONS; i++) {
		fd[i] = dial(r);
		p[i] = (struct pollfd){ fd[i], POLLIN, 0 };
	}
	patient = dial(r); /* nobody has time for it yet */
	assert_true(write(patient, request, sizeof(request) - 1) > 0);
	while (open) {
		for (int i = 0; i < PK_METRICS_CONNECTIONS; i++)
			if (p[i].fd >= 0 &&
			    send(fd[i], "G", 1, MSG_NOSIGNAL) != 1)
				errno = 0;
		poll(p, PK_METRICS_CONNECTIONS, 200);
		for (int i = 0; i < PK_METRICS_CONNECTIONS; i++) {
			if (p[i].fd < 0 || !p[i].revents)
				continue;
			close(fd[i]);
			p[i].fd = -1;
			open--;
		}
	}
	read_end(patient, out, sizeof(out));
	assert_non_null(strstr(out, "ok\n"));
}

static void only_loopback_is_listened_on(void **unused)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{ "127.0.0.1:9779", 0 },
		{ "127.9.9.9:1", 0 },
		{ "[::1]:65535", 0 },
		{ "0.0.0.0:9779", -EPERM },
		{ "192.0.2.1:9779", -EPERM },
		{ "[::]:9779", -EPERM },
		{ "[2001:db8::1]:1", -EPERM },
		{ "127.0.0.1", -EINVAL },
		{ "127.0.0.1:", -EINVAL },
		{ "127.0.0.1:65536", -EINVAL },
		{ "127.0.0.1:+1", -EINVAL },
		{ "::1:9779", -EINVAL },
		{ "[::1:9779", -EINVAL },
		{ "localhost:9779", -EINVAL },
		{ "", -EINVAL },
		{ ":9779", -EINVAL },
		{ "127.0.0.1:1 ", -EINVAL },
		{ "127.1:80", -EINVAL },
		{ "[::ffff:127.0.0.1]:80", -EPERM },
	};
	struct sockaddr_storage a;
	socklen_t len;

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (pk_metrics_address(rows[i].text, &a, &len) != rows[i].err)
			fail_msg("%s", rows[i].text);
}

static void a_port_that_is_taken_is_an_error(void **in)
{
	const struct rig *r = *in;
	char listen[32];
	const struct pk_metrics_conf conf = { .base = r->base,
					      .listen = listen,
					      .render = render };
	struct pk_metrics *m = NULL;

	snprintf(listen, sizeof(listen), "127.0.0.1:%u", pk_metrics_port(r->m));
	assert_int_equal(pk_metrics_new(&m, &conf), -EADDRINUSE);
	assert_null(m);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_time_is_in_the_bucket_of_its_bounds),
		cmocka_unit_test(a_quantile_is_at_most_a_quarter_too_high),
		cmocka_unit_test(one_is_every_quantile),
		cmocka_unit_test(a_threat_is_measured_when_it_was_told),
		cmocka_unit_test(threats_beyond_the_bound_are_not_measured),
		cmocka_unit_test(a_label_survives_whatever_it_says),
		cmocka_unit_test(samples_of_a_family_stand_together),
		cmocka_unit_test(what_is_marked_is_exported_under_its_name),
		SERVED(the_text_is_served_and_nothing_else),
		SERVED(many_askers_are_given_one_text),
		SERVED(nonsense_ends_its_connection_only),
		SERVED(a_client_that_does_not_read_keeps_nobody_waiting),
		SERVED(clients_that_dawdle_are_cut_off),
		SERVED(a_port_that_is_taken_is_an_error),
		cmocka_unit_test(only_loopback_is_listened_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
