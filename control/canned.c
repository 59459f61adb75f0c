/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/canned.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/parse.h"
#include "control/bus_socket.h"
#include "control/detector.h"
#include "control/encode.h"
#include "control/threat.h"
#include "dataplane/record.h"

enum { TEXT = PK_ENCODE_MAX };
#define MARK "{\"test\":true,"

static union pk_addr address(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (union pk_addr){
		.b = { [10] = 0xff, 0xff, a, b, c, d },
	};
}

static struct pk_flow_key flow(void)
{
	return (struct pk_flow_key){
		.src = address(192, 0, 2, 66),
		.dst = address(198, 51, 100, 1),
		.sport = 54321,
		.dport = 445,
		.proto = PK_PROTO_TCP,
	};
}

static struct pk_threat threat(const struct pk_canned_conf *c, const char *type)
{
	return (struct pk_threat){
		.type = type,
		.sensor = c->sensor,
		.severity = "low",
		.epoch = c->epoch,
		.first_ns = c->now_ns,
		.last_ns = c->now_ns,
		.count = 1,
		.offender = address(192, 0, 2, 66),
		.target = address(198, 51, 100, 1),
		.sampling = 1,
		.flow = { .key = flow(), .tcp_flags = 2 },
	};
}

static int detector(const struct pk_canned_conf *c, uint32_t i, char *out,
		    size_t size)
{
	struct pk_threat t = threat(c, pk_detectors[i].name);

	return pk_encode_threat(&t, out, size);
}

static int indicator(const struct pk_canned_conf *c, char *out, size_t size)
{
	static const struct pk_threat_indicator ind = {
		.feeds = 1,
		.type = "ipv4-addr",
		.id = "test",
		.feed = { "test" },
		.value = "192.0.2.66",
	};
	struct pk_threat t = threat(c, "indicator");

	t.indicator = &ind;
	return pk_encode_threat(&t, out, size);
}

static int hit(const struct pk_canned_conf *c, const char *name, char *out,
	       size_t size)
{
	struct pk_hit h = {
		.head = { .type = PK_RECORD_HIT,
			  .sampling = 1,
			  .seen_ns = c->now_ns },
		.role = name ? PK_ROLE_DNS_QUESTION : PK_ROLE_SOURCE,
		.packet = { .key = flow(), .bytes = 60, .ttl = 64 },
	};

	h.text_len = name ? (uint16_t)strlen(name) : 0;
	memcpy(h.text, name ? name : "", h.text_len);
	return pk_encode_record(&h.head, out, size);
}

static int heartbeat(const struct pk_canned_conf *c, char *out, size_t size)
{
	uint64_t none[PK_BUS_CLASS_COUNT] = { 0 };
	const struct pk_heartbeat beat = {
		.sensor = c->sensor,
		.epoch = c->epoch,
		.time_ns = c->now_ns,
		.classes = PK_BUS_CLASS_COUNT,
		.word = pk_bus_words,
		.last = none,
		.first = none,
	};

	return pk_encode_heartbeat(&beat, out, size);
}

/* As the first of them, then the detectors, then the others. */
static int encode(const struct pk_canned_conf *c, uint32_t i, char *kind,
		  char *out, size_t size)
{
	static const char *const words[] = { "hit-ipv4-addr", "hit-domain-name",
					     "hb" };

	if (!i) {
		snprintf(kind, PK_CANNED_KIND, "threat-indicator");
		return indicator(c, out, size);
	}
	i--;
	if (i < PK_DETECTORS) {
		snprintf(kind, PK_CANNED_KIND, "threat-%s",
			 pk_detectors[i].name);
		return detector(c, i, out, size);
	}
	i -= PK_DETECTORS;
	if (i >= sizeof(words) / sizeof(*words))
		return 0;
	snprintf(kind, PK_CANNED_KIND, "%s", words[i]);
	if (i == 2)
		return heartbeat(c, out, size);
	return hit(c, i ? "\4test\7example" : NULL, out, size);
}

int pk_canned_mark(const char *json, size_t len, char *out, size_t size)
{
	int n;

	if (len < 2 || json[0] != '{')
		return -EINVAL;
	n = snprintf(out, size, MARK "%.*s", (int)len - 1, json + 1);
	return n >= 0 && (size_t)n < size ? n : -ENOSPC;
}

int pk_canned(const struct pk_canned_conf *conf, uint32_t i,
	      char kind[PK_CANNED_KIND], char *out, size_t size)
{
	char text[TEXT];
	int n = encode(conf, i, kind, text, sizeof(text));

	return n <= 0 ? n : pk_canned_mark(text, (size_t)n, out, size);
}
