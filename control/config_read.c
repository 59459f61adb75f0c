/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/config_read.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "control/bus/endpoint.h"
#include "control/bus/keys.h"
#include "control/config.h"
#include "control/journal/journal.h"
#include "control/metrics/server.h"
#include "control/near.h"
#include "control/profile/profile.h"
#include "control/launcher/spec.h"
#include "control/suppress.h"
#include "ioc/feed/feed.h"
#include "ioc/feed/mapping.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Where we are, for sentences: interfaces[2].name. */
struct place {
	const struct place *up;
	const char *name;
	int index; /* -1: no element of a list */
};

int pk_config_fail(const struct pk_config_reader *r, unsigned line,
		   const char *format, ...)
{
	int n = snprintf(r->err, r->errlen, "%s:%u: ", r->name, line);
	va_list args;

	if (n < 0 || (size_t)n >= r->errlen)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(r->err + n, r->errlen - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

static void spell(const struct place *p, char *out, size_t size)
{
	size_t n;

	*out = 0;
	if (!p)
		return;
	spell(p->up, out, size);
	n = strlen(out);
	if (p->index >= 0)
		snprintf(out + n, size - n, "[%d]", p->index);
	else
		snprintf(out + n, size - n, "%s%s", n ? "." : "", p->name);
}

static int must(const struct pk_config_reader *r, const struct place *p,
		const struct pk_jsonc *v, const char *be)
{
	char place[128];

	spell(p, place, sizeof(place));
	return pk_config_fail(r, v->line, "\"%s\" must be %s", place, be);
}

static int must_be_kind(const struct pk_config_reader *r, const struct place *p,
			const struct pk_jsonc *v, enum pk_jsonc_type type)
{
	char be[64];

	snprintf(be, sizeof(be), "%s, not %s", pk_jsonc_noun(type),
		 pk_jsonc_noun(v->type));
	return must(r, p, v, be);
}

static bool only(const char *text, const char *more)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(more, *text))
			return false;
	return true;
}

const char *pk_check_name(const char *text)
{
	return *text && only(text, "._-") ? NULL
					  : "letters, digits, '.', '_' and '-'";
}

const char *pk_check_interface(const char *text)
{
	return pk_spec_is_iface(text) ? NULL
				      : "the name of a network interface";
}

const char *pk_check_port(const char *text)
{
	return pk_spec_is_port(text) ? NULL : PK_SPEC_PORT_TEXT;
}

const char *pk_check_format(const char *text)
{
	return pk_feed_format_find(text) >= 0
		       ? NULL
		       : "a format: auto, lines, hosts, adblock, dnsmasq, rpz, "
			 "sdn, table, misp, stix ... (picketctl(8))";
}

const char *pk_check_mapping(const char *text)
{
	if (*text == '/')
		return pk_check_path(text);
	return pk_mapping_find(text) ? NULL
				     : "an absolute path, or the name of a "
				       "mapping that is built in";
}

const char *pk_check_match(const char *text)
{
	return pk_match_find(text) >= 0 ? NULL
					: "exact, subdomains or one-label";
}

const char *pk_check_type(const char *text)
{
	return pk_indicator_type_find(text) >= 0
		       ? NULL
		       : "a type such as ipv4-addr, domain-name or url";
}

const char *pk_check_class(const char *text)
{
	return !strcmp(text, pk_threat_class_word(pk_threat_class_guess(text)))
		       ? NULL
		       : "a class such as c2-server, phishing or scanner";
}

const char *pk_check_severity(const char *text)
{
	return pk_severity_find(text) >= 0
		       ? NULL
		       : "info, low, medium, high or critical";
}

const char *pk_check_tlp(const char *text)
{
	return pk_tlp_find(text) >= 0
		       ? NULL
		       : "clear, green, amber, amber+strict or red";
}

const char *pk_check_action(const char *text)
{
	return pk_action_find(text) >= 0 ? NULL
					 : "alert, watch, capture or block";
}

const char *pk_check_sync(const char *text)
{
	return pk_sync_find(text) >= 0 ? NULL : "never, second or turn";
}

const char *pk_check_metrics(const char *text)
{
	struct sockaddr_storage a;
	socklen_t len;

	switch (pk_metrics_address(text, &a, &len)) {
	case 0:
		return NULL;
	case -EPERM:
		return "a loopback address such as 127.0.0.1:9779, as metrics "
		       "have no authentication; let a proxy carry them off "
		       "the host";
	default:
		return "an address and a port such as 127.0.0.1:9779";
	}
}

const char *pk_check_profile(const char *text)
{
	return pk_profile_find(text) >= 0
		       ? NULL
		       : "picket, eve, ecs, cef, syslog or sdn";
}

const char *pk_check_threat_severity(const char *text)
{
	return pk_profile_severity_find(text) >= 0
		       ? NULL
		       : "low, medium, high or critical";
}

const char *pk_check_network(const char *text)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	return pk_indicator_parse_addr(&ind, text, strlen(text)) ==
			       PK_REFUSED_NONE
		       ? NULL
		       : "an address or a prefix such as 192.0.2.0/24";
}

const char *pk_check_threat(const char *text)
{
	for (int i = 0; i < PK_DETECTORS; i++)
		if (!strcmp(text, pk_detectors[i].name))
			return NULL;
	return strcmp(text, "indicator") ? "indicator or a detector's name"
					 : NULL;
}

const char *pk_check_until(const char *text)
{
	uint64_t seconds;

	return pk_suppress_time(text, &seconds)
		       ? "a time such as 2026-12-31T12:00:00Z or a day"
		       : NULL;
}

const char *pk_check_path(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "a path without control characters";
	return *text == '/' ? NULL : "an absolute path";
}

const char *pk_check_vdev(const char *text)
{
	return pk_spec_is_vdev(text) && only(text, "._-=,/:@+[]")
		       ? NULL
		       : "a DPDK device string such as net_af_packet0,iface=eth1";
}

const char *pk_check_pci(const char *text)
{
	return pk_spec_is_pci(text) ? NULL
				    : "a PCI address such as 0000:03:00.0";
}

/* tcp://HOST:PORT; whether others may reach HOST, all keys decide. */
static bool is_tcp(const char *text)
{
	const char *port = strrchr(text, ':');
	size_t digits;

	if (strncmp(text, "tcp://", 6) != 0 || port <= text + 6)
		return false;
	digits = strspn(port + 1, "0123456789");
	return digits && digits < 6 && !port[1 + digits] &&
	       strlen(text) < PK_ENDPOINT_MAX;
}

const char *pk_check_endpoint(const char *text)
{
	if (!strncmp(text, "ipc:///", 7) && !pk_check_path(text + 6))
		return NULL;
	return is_tcp(text) ? NULL : "ipc:///PATH or tcp://ADDRESS:PORT";
}

const char *pk_check_pattern(const char *text)
{
	return strcmp(text, "push") && strcmp(text, "pub") ? "push or pub"
							   : NULL;
}

const char *pk_check_key(const char *text)
{
	return pk_keys_valid(text, strlen(text))
		       ? NULL
		       : "a public key of 40 characters, as `picketctl key "
			 "gen` prints it";
}

static int read_text(const struct pk_config_reader *r, const struct place *p,
		     const struct pk_jsonc *v, const struct pk_key *k, void *to)
{
	const char *be;
	char most[48];

	if (v->type != PK_JSONC_STRING)
		return must_be_kind(r, p, v, PK_JSONC_STRING);
	if (strlen(v->text) >= k->size) {
		snprintf(most, sizeof(most), "at most %zu bytes long",
			 k->size - 1);
		return must(r, p, v, most);
	}
	be = k->check ? k->check(v->text) : NULL;
	if (be)
		return must(r, p, v, be);
	strcpy(to, v->text);
	return 0;
}

static int read_number(const struct pk_config_reader *r, const struct place *p,
		       const struct pk_jsonc *v, const struct pk_key *k,
		       void *to)
{
	char be[96];

	if (v->type != PK_JSONC_INTEGER)
		return must_be_kind(r, p, v, PK_JSONC_INTEGER);
	if (v->integer < (int64_t)k->min || v->integer > (int64_t)k->max) {
		snprintf(be, sizeof(be), "from %llu to %llu, not %lld",
			 (unsigned long long)k->min, (unsigned long long)k->max,
			 (long long)v->integer);
		return must(r, p, v, be);
	}
	if (k->kind == PK_KEY_NUMBER64)
		*(uint64_t *)to = (uint64_t)v->integer;
	else
		*(uint32_t *)to = (uint32_t)v->integer;
	return 0;
}

/* Seconds of 90s, 10m, 1h or 7d; -1 for anything else. */
static int64_t seconds_of(const char *text)
{
	static const char units[] = "smhd";
	static const int64_t worth[] = { 1, 60, 3600, 86400 };
	size_t digits = strspn(text, "0123456789");
	const char *unit = text[digits] ? strchr(units, text[digits]) : NULL;
	int64_t n = 0;

	if (!digits || digits > 9 || !unit || text[digits + 1])
		return -1;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + text[i] - '0';
	return n * worth[unit - units];
}

static int read_duration(const struct pk_config_reader *r,
			 const struct place *p, const struct pk_jsonc *v,
			 const struct pk_key *k, void *to)
{
	int64_t n = v->type == PK_JSONC_INTEGER	 ? v->integer
		    : v->type == PK_JSONC_STRING ? seconds_of(v->text)
						 : -1;
	char be[96];

	if (n >= (int64_t)k->min && n <= (int64_t)k->max) {
		*(uint32_t *)to = (uint32_t)n;
		return 0;
	}
	snprintf(be, sizeof(be),
		 "a time such as \"90s\", \"10m\" or \"1h\", from %llu to "
		 "%llu seconds",
		 (unsigned long long)k->min, (unsigned long long)k->max);
	return must(r, p, v, be);
}

static int read_bool(const struct pk_config_reader *r, const struct place *p,
		     const struct pk_jsonc *v, void *to)
{
	if (v->type != PK_JSONC_BOOL)
		return must_be_kind(r, p, v, PK_JSONC_BOOL);
	*(bool *)to = v->integer;
	return 0;
}

static int read_level(const struct pk_config_reader *r, const struct place *p,
		      const struct pk_jsonc *v, void *to)
{
	static const struct {
		const char *word;
		enum pk_log_level level;
	} levels[] = { { "error", PK_LOG_ERR },
		       { "warn", PK_LOG_WARN },
		       { "info", PK_LOG_INFO },
		       { "debug", PK_LOG_DEBUG } };

	for (size_t i = 0; v->type == PK_JSONC_STRING && i < LEN(levels); i++)
		if (!strcmp(v->text, levels[i].word)) {
			*(enum pk_log_level *)to = levels[i].level;
			return 0;
		}
	return must(r, p, v, "\"error\", \"warn\", \"info\" or \"debug\"");
}

/* IPv4 as ::ffff:a.b.c.d. The unspecified address means "not configured". */
static int read_address(const struct pk_config_reader *r, const struct place *p,
			const struct pk_jsonc *v, void *to)
{
	static const union pk_addr none;
	union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff } };

	if (v->type != PK_JSONC_STRING ||
	    (inet_pton(AF_INET, v->text, a.b + 12) != 1 &&
	     inet_pton(AF_INET6, v->text, a.b) != 1) ||
	    !memcmp(&a, &none, sizeof(a)))
		return must(r, p, v, "an IPv4 or IPv6 address");
	memcpy(to, &a, sizeof(a));
	return 0;
}

static const struct pk_key *nearest(const struct pk_key *keys, const char *name)
{
	const struct pk_key *best = keys;

	for (const struct pk_key *k = keys; k->name; k++)
		if (pk_near(k->name, name) < pk_near(best->name, name))
			best = k;
	return best;
}

static int unknown(const struct pk_config_reader *r, const struct place *up,
		   const struct pk_jsonc *v, const struct pk_key *keys)
{
	struct place here = { up, v->name, -1 };
	char place[128];

	spell(&here, place, sizeof(place));
	for (char *c = place; *c; c++) /* the name is anybody's text */
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = '?';
	return pk_config_fail(r, v->line,
			      "unknown key \"%s\"; the nearest key is \"%s\"",
			      place, nearest(keys, v->name)->name);
}

static int read_list(const struct pk_config_reader *r, const struct place *p,
		     const struct pk_jsonc *v, const struct pk_key *k,
		     char *base);

/* All members of the object @v into the section at @base. */
static int read_object(const struct pk_config_reader *r, const struct place *up,
		       const struct pk_jsonc *v, const struct pk_key *keys,
		       char *base)
{
	int err = 0;

	if (v->type != PK_JSONC_OBJECT)
		return up ? must_be_kind(r, up, v, PK_JSONC_OBJECT)
			  : pk_config_fail(
				    r, v->line,
				    "the file must be one object in braces");
	for (v = v->child; v && !err; v = v->next) {
		struct place here = { up, v->name, -1 };
		const struct pk_key *k = keys;

		while (k->name && strcmp(k->name, v->name) != 0)
			k++;
		if (!k->name)
			err = unknown(r, up, v, keys);
		else if (k->kind == PK_KEY_TEXT)
			err = read_text(r, &here, v, k, base + k->at);
		else if (k->kind == PK_KEY_BOOL)
			err = read_bool(r, &here, v, base + k->at);
		else if (k->kind == PK_KEY_DURATION)
			err = read_duration(r, &here, v, k, base + k->at);
		else if (k->kind == PK_KEY_LEVEL)
			err = read_level(r, &here, v, base + k->at);
		else if (k->kind == PK_KEY_ADDRESS)
			err = read_address(r, &here, v, base + k->at);
		else if (k->kind == PK_KEY_OBJECT)
			err = read_object(r, &here, v, k->keys, base + k->at);
		else if (k->kind == PK_KEY_LIST)
			err = read_list(r, &here, v, k, base);
		else
			err = read_number(r, &here, v, k, base + k->at);
	}
	return err;
}

static int read_list(const struct pk_config_reader *r, const struct place *p,
		     const struct pk_jsonc *v, const struct pk_key *k,
		     char *base)
{
	struct place here = { p, NULL, 0 };
	char most[48];
	int err = 0;

	if (v->type != PK_JSONC_ARRAY)
		return must_be_kind(r, p, v, PK_JSONC_ARRAY);
	for (const struct pk_jsonc *e = v->child; e && !err;
	     e = e->next, here.index++) {
		char *to = base + k->at + k->size * (size_t)here.index;

		if ((uint64_t)here.index == k->max) {
			snprintf(most, sizeof(most),
				 "a list of at most %llu elements",
				 (unsigned long long)k->max);
			return must(r, p, e, most);
		}
		err = k->keys ? read_object(r, &here, e, k->keys, to)
			      : read_text(r, &here, e, k, to);
	}
	*(uint32_t *)(base + k->count) = (uint32_t)here.index;
	return err;
}

int pk_config_read(const struct pk_config_reader *r, const struct pk_jsonc *top,
		   const struct pk_key *keys, void *section)
{
	return read_object(r, NULL, top, keys, section);
}
