/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picket-gen: traffic of a named scenario, into a capture file or onto an
 * interface. It sends a stated number of frames at a stated rate and stops;
 * the same arguments give the same bytes.
 *
 * Exit status: 0 all sent, 1 failed, 2 usage, 8 missing privilege.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/file/capture.h"
#include "tools/gen/scenario.h"
#include "tools/gen/sink.h"

enum {
	EXIT_USAGE = 2,
	EXIT_PRIVILEGE = 8,
	NS_PER_SEC = 1000 * 1000 * 1000,
	COUNT_MAX = 100 * 1000 * 1000,
	PPS_MAX = 10 * 1000 * 1000,
	VLAN_MAX = 4094,
};

/* Where pcap's time ends, and where generated time begins: July 2017. */
#define START_MAX     4294967295999999999u
#define START_DEFAULT 1500000000000000000u

struct job {
	const struct pk_scenario *scenario;
	struct pk_scenario_conf conf;
	uint64_t count, pps, start_ns;
	const char *interface, *file, *read;
	bool json;
};

struct sent {
	uint64_t frames, bytes;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static const struct option options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "count", required_argument, NULL, 'c' },
	{ "src", required_argument, NULL, 'S' },
	{ "dst", required_argument, NULL, 'D' },
	{ "src-mac", required_argument, NULL, 'M' },
	{ "dst-mac", required_argument, NULL, 'm' },
	{ "name", required_argument, NULL, 'n' },
	{ "port", required_argument, NULL, 'p' },
	{ "hosts", required_argument, NULL, 'H' },
	{ "flows", required_argument, NULL, 'f' },
	{ "vlan", required_argument, NULL, 'V' },
	{ "pps", required_argument, NULL, 'r' },
	{ "start", required_argument, NULL, 't' },
	{ "interface", required_argument, NULL, 'i' },
	{ "write", required_argument, NULL, 'w' },
	{ "read", required_argument, NULL, 'R' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void help(FILE *to)
{
	const struct pk_scenario *s;

	fputs("usage: picket-gen SCENARIO [options]\n"
	      "  --write FILE      pcap file (default -: standard output)\n"
	      "  --interface IF    send on an interface instead\n"
	      "  --count N         frames, at most 100,000,000\n"
	      "  --pps N           frames a second (1000)\n"
	      "  --start NS        time of the first, ns since 1970\n"
	      "  --seed N          of what is random (1)\n"
	      "  --src ADDR        sender (192.0.2.10)\n"
	      "  --dst ADDR        receiver, or the first (198.51.100.20)\n"
	      "  --src-mac, --dst-mac MAC\n"
	      "  --vlan ID         tag; twice: two tags, outer first\n"
	      "  --port N          destination port instead of the usual\n"
	      "  --name NAME       DNS name asked for (www.example.com)\n"
	      "  --hosts N         hosts scanned (1)\n"
	      "  --flows N         open connections (1)\n"
	      "  --read FILE       the capture that `play` sends\n"
	      "  -j, --json        report as JSON\n"
	      "scenarios and their usual count:\n",
	      to);
	for (size_t n = 0; (s = pk_scenario_at(n)); n++)
		fprintf(to, "  %-12s %6" PRIu64 "  %s\n", s->name, s->count,
			s->what);
	fputs("  play                 the frames of the capture --read FILE, at --pps\n",
	      to);
}

static int wrong(const char *option, const char *value, const char *wanted)
{
	fprintf(stderr, "picket-gen: --%s %s: not %s\n", option, value, wanted);
	return EXIT_USAGE;
}

/* Decimal digits alone, from @min to @max. */
static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !*end && !errno && *out >= min && *out <= max;
}

static bool address(const char *text, uint8_t out[16])
{
	uint8_t got[16] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, text, got + 12) != 1 &&
	    inet_pton(AF_INET6, text, got) != 1)
		return false;
	memcpy(out, got, sizeof got);
	return true;
}

static bool mac(const char *text, uint8_t out[6])
{
	unsigned int b[6];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2],
		   &b[3], &b[4], &b[5], &rest) != 6)
		return false;
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)b[i];
	return true;
}

static bool vlan(const char *text, uint16_t tags[PK_SCENARIO_VLANS])
{
	uint64_t value;
	int at = tags[0] ? 1 : 0;

	if (tags[at] || !number(text, 1, VLAN_MAX, &value))
		return false;
	tags[at] = (uint16_t)value;
	return true;
}

static bool number16(const char *text, uint16_t *out)
{
	uint64_t value;

	if (!number(text, 1, UINT16_MAX, &value))
		return false;
	*out = (uint16_t)value;
	return true;
}

static bool number32(const char *text, uint32_t *out)
{
	uint64_t value;

	if (!number(text, 1, UINT32_MAX, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

/* Options that say what a frame is like. NULL if fine, else what is wanted. */
static const char *set_conf(struct pk_scenario_conf *conf, int option,
			    const char *value)
{
	switch (option) {
	case 's':
		return number(value, 0, UINT64_MAX, &conf->seed) ? NULL
								 : "a number";
	case 'S':
		return address(value, conf->src) ? NULL : "an address";
	case 'D':
		return address(value, conf->dst) ? NULL : "an address";
	case 'M':
		return mac(value, conf->src_mac) ? NULL : "a MAC address";
	case 'm':
		return mac(value, conf->dst_mac) ? NULL : "a MAC address";
	case 'p':
		return number16(value, &conf->port) ? NULL : "a port";
	case 'H':
		return number32(value, &conf->hosts) ? NULL : "a number";
	case 'f':
		return number32(value, &conf->flows) ? NULL : "a number";
	case 'V':
		return vlan(value, conf->vlan)
			       ? NULL
			       : "a VLAN from 1 to 4094, two at most";
	default:
		conf->name = value;
		return NULL;
	}
}

/* Options that say where, when and how many. */
static const char *set_job(struct job *job, int option, const char *value)
{
	switch (option) {
	case 'c':
		return number(value, 1, COUNT_MAX, &job->count)
			       ? NULL
			       : "a number from 1 to 100,000,000";
	case 'r':
		return number(value, 1, PPS_MAX, &job->pps)
			       ? NULL
			       : "a number from 1 to 10,000,000";
	case 't':
		return number(value, 0, START_MAX, &job->start_ns)
			       ? NULL
			       : "nanoseconds from 1970 to 2106";
	case 'i':
		job->interface = value;
		return NULL;
	case 'w':
		job->file = value;
		return NULL;
	case 'R':
		job->read = value;
		return NULL;
	case 'j':
		job->json = true;
		return NULL;
	default:
		return set_conf(&job->conf, option, value);
	}
}

/* -1 to go on, or the exit status. */
static int parse_options(struct job *job, int argc, char **argv)
{
	const char *wanted;
	int option, at = 0;

	while ((option = getopt_long(argc, argv, "jh", options, &at)) != -1) {
		if (option == 'h') {
			help(stdout);
			return EXIT_SUCCESS;
		}
		if (option == '?')
			return EXIT_USAGE;
		wanted = set_job(job, option, optarg);
		if (wanted)
			return wrong(options[at].name, optarg, wanted);
	}
	return -1;
}

static int complain(const char *sentence)
{
	fprintf(stderr, "picket-gen: %s\n", sentence);
	return EXIT_USAGE;
}

/* What `play` is called in reports; its frames come from a file. */
static const struct pk_scenario play = { .name = "play", .count = COUNT_MAX };

static const struct pk_scenario *find_scenario(const char *name)
{
	return strcmp(name, play.name) ? pk_scenario_find(name) : &play;
}

static int parse(struct job *job, int argc, char **argv)
{
	int status = parse_options(job, argc, argv);

	if (status >= 0)
		return status;
	if (optind + 1 != argc) {
		help(stderr);
		return EXIT_USAGE;
	}
	job->scenario = find_scenario(argv[optind]);
	if (!job->scenario) {
		fprintf(stderr,
			"picket-gen: %s: no such scenario (see --help)\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	if ((job->scenario == &play) != (job->read != NULL))
		return complain("play needs --read, and nothing else does");
	if (job->interface && job->file)
		return complain("--interface or --write, not both");
	if (!job->interface && !job->file)
		job->file = "-";
	if (job->file && strcmp(job->file, "-") == 0 && isatty(STDOUT_FILENO))
		return complain("a terminal cannot show a capture; name a "
				"file with --write");
	if (!job->count)
		job->count = job->scenario->count;
	return -1;
}

static int open_sink(const struct job *job, struct pk_sink **out)
{
	const char *name = job->interface ? job->interface : job->file;
	int error = job->interface ? pk_sink_interface(out, name)
				   : pk_sink_file(out, name);

	if (!error)
		return EXIT_SUCCESS;
	fprintf(stderr, "picket-gen: %s: %s%s\n", name, strerror(-error),
		error == -EPERM ? " (sending needs CAP_NET_RAW)" : "");
	return error == -EPERM ? EXIT_PRIVILEGE : EXIT_FAILURE;
}

/* @i frames after the start; does not overflow below COUNT_MAX. */
static uint64_t due_ns(const struct job *job, uint64_t i)
{
	return i * NS_PER_SEC / job->pps;
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

static void wait_until(uint64_t ns)
{
	struct timespec until = { (time_t)(ns / NS_PER_SEC),
				  (long)(ns % NS_PER_SEC) };

	while (!interrupted && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME,
					       &until, NULL) == EINTR)
		;
}

static int send_one(const struct job *job, struct pk_sink *sink, uint64_t i,
		    struct sent *sent)
{
	uint8_t frame[PK_SCENARIO_FRAME_MAX];
	int len = pk_scenario_frame(job->scenario, &job->conf, i, frame);
	int error;

	if (len < 0)
		return len;
	error = pk_sink_send(sink, job->start_ns + due_ns(job, i), frame,
			     (size_t)len);
	if (error)
		return error;
	sent->frames++;
	sent->bytes += (uint64_t)len;
	return 0;
}

/* The capture's frames in its order, at --pps; what is no frame is left out. */
static int send_capture(const struct job *job, struct pk_sink *sink,
			struct sent *sent)
{
	uint64_t begin = monotonic_ns();
	struct pk_capture *c;
	struct pk_frame f;
	char why[512];
	int error = pk_capture_open(&c, job->read, why, sizeof why);

	if (error) {
		fprintf(stderr, "picket-gen: %s\n", why);
		return error;
	}
	while (sent->frames < job->count && !error && !interrupted &&
	       pk_capture_next(c, &f) == 1) {
		if (f.link != PK_LINK_OK)
			continue;
		if (job->interface)
			wait_until(begin + due_ns(job, sent->frames));
		error = pk_sink_send(sink, f.ts_ns, f.data, f.len);
		sent->frames += !error;
		sent->bytes += error ? 0 : f.len;
		if (error == -EMSGSIZE) /* a frame of another network's MTU */
			error = 0;
	}
	if (*pk_capture_error(c))
		fprintf(stderr, "picket-gen: %s\n", pk_capture_error(c));
	pk_capture_close(c);
	return error;
}

static int send_all(const struct job *job, struct pk_sink *sink,
		    struct sent *sent)
{
	uint64_t begin = monotonic_ns();
	int error = 0;

	if (job->read)
		return send_capture(job, sink, sent);

	for (uint64_t i = 0; i < job->count && !error && !interrupted; i++) {
		if (job->interface)
			wait_until(begin + due_ns(job, i));
		error = send_one(job, sink, i, sent);
	}
	return error;
}

/* On standard error when standard output is the capture. */
static void report(const struct job *job, const struct sent *sent)
{
	bool taken = job->file && strcmp(job->file, "-") == 0;
	FILE *to = taken ? stderr : stdout;

	if (job->json)
		fprintf(to,
			"{\"scenario\":\"%s\",\"seed\":%" PRIu64
			",\"frames\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
			job->scenario->name, job->conf.seed, sent->frames,
			sent->bytes);
	else
		fprintf(to, "%s: %" PRIu64 " frames, %" PRIu64 " bytes\n",
			job->scenario->name, sent->frames, sent->bytes);
}

static const char *reason(int error)
{
	if (error == -EINVAL)
		return "--src and --dst must be of one family and --name a "
		       "host name";
	return strerror(-error);
}

static int run(const struct job *job)
{
	struct sent sent = { 0, 0 };
	struct pk_sink *sink = NULL;
	int error, closed, status = open_sink(job, &sink);

	if (status != EXIT_SUCCESS)
		return status;
	error = send_all(job, sink, &sent);
	closed = pk_sink_close(sink);
	error = error ? error : closed;
	report(job, &sent);
	if (!error)
		return job->read || sent.frames == job->count ? EXIT_SUCCESS
							      : EXIT_FAILURE;
	fprintf(stderr, "picket-gen: after %" PRIu64 " frames: %s\n",
		sent.frames, reason(error));
	return error == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = interrupt };
	struct job job = { .pps = 1000, .start_ns = START_DEFAULT };
	int status;

	pk_scenario_defaults(&job.conf);
	status = parse(&job, argc, argv);
	if (status >= 0)
		return status;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return run(&job);
}
