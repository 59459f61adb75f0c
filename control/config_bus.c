/* SPDX-License-Identifier: BSD-2-Clause */
/* config: endpoints of the bus and of outputs, which no key alone decides. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/bus/endpoint.h"
#include "control/config.h"
#include "control/config_read.h"

enum { PLACES = 2 * PK_CONFIG_ENDPOINTS + PK_CONFIG_SENDS };

/* An endpoint that is bound, and what for. */
struct place {
	char endpoint[PK_CONFIG_TEXT];
	char what[96];
};

struct places {
	struct place place[PLACES];
	uint32_t count;
};

static const struct pk_jsonc *member(const struct pk_jsonc *v, const char *name)
{
	for (v = v ? v->child : NULL; v && strcmp(v->name, name) != 0;
	     v = v->next)
		;
	return v;
}

static unsigned line_of(const struct pk_jsonc *list, uint32_t i)
{
	const struct pk_jsonc *v = list ? list->child : NULL;

	while (v && i--)
		v = v->next;
	return v ? v->line : 1;
}

/* Each endpoint is bound once. */
static int take(const struct pk_config_reader *r, unsigned line,
		struct places *all, const char *endpoint, const char *what)
{
	struct place *p = &all->place[all->count];

	for (uint32_t i = 0; i < all->count; i++)
		if (!strcmp(all->place[i].endpoint, endpoint))
			return pk_config_fail(r, line,
					      "%s needs %s, which is %s "
					      "already; choose another one",
					      what, endpoint,
					      all->place[i].what);
	snprintf(p->endpoint, sizeof(p->endpoint), "%s", endpoint);
	snprintf(p->what, sizeof(p->what), "%s", what);
	all->count++;
	return 0;
}

static int is_open(const char *endpoint)
{
	return pk_endpoint_is_tcp(endpoint) && !pk_endpoint_is_local(endpoint);
}

/* The endpoint itself and the replay server's beside it. */
static int check_endpoint(const struct pk_config_reader *r, unsigned line,
			  const struct pk_config *c, uint32_t i,
			  struct places *all)
{
	char beside[PK_ENDPOINT_MAX], what[96];
	const char *endpoint = c->endpoint[i];
	int err;

	if (is_open(endpoint) && !*c->curve_secret)
		return pk_config_fail(
			r, line,
			"\"bus.endpoints[%u]\" must be ipc:///PATH or "
			"tcp://127.0.0.1:PORT, which other hosts cannot read; "
			"for others set \"bus.curve\"",
			i);
	snprintf(what, sizeof(what), "\"bus.endpoints[%u]\"", i);
	err = take(r, line, all, endpoint, what);
	if (err)
		return err;
	if (pk_endpoint_replay(endpoint, beside))
		return pk_config_fail(r, line,
				      "\"bus.endpoints[%u]\" leaves no place "
				      "for the replay server, which takes the "
				      "next port, or replay.sock in the same "
				      "folder",
				      i);
	/* in one folder there is one */
	for (uint32_t n = 0; n < i; n++) {
		char other[PK_ENDPOINT_MAX];

		if (!pk_endpoint_is_tcp(endpoint) &&
		    !pk_endpoint_replay(c->endpoint[n], other) &&
		    !strcmp(other, beside))
			return 0;
	}
	snprintf(what, sizeof(what),
		 "the replay server of \"bus.endpoints[%u]\"", i);
	return take(r, line, all, beside, what);
}

static int check_send(const struct pk_config_reader *r, unsigned line,
		      const struct pk_config *c, uint32_t i, struct places *all)
{
	const struct pk_config_send *s = &c->send[i];
	char what[96];

	if (!*s->endpoint)
		return pk_config_fail(r, line,
				      "\"outputs[%u]\" lacks \"endpoint\"", i);
	if (*s->server_key && !s->connect)
		return pk_config_fail(r, line,
				      "\"outputs[%u].server_key\" is for an "
				      "output that connects: set \"connect\"",
				      i);
	if (*s->server_key && !*c->curve_secret)
		return pk_config_fail(r, line,
				      "\"outputs[%u].server_key\" needs a key "
				      "of our own: set \"bus.curve\"",
				      i);
	if (is_open(s->endpoint) &&
	    !(s->connect ? *s->server_key : *c->curve_secret))
		return pk_config_fail(
			r, line,
			"\"outputs[%u].endpoint\" leaves the host, so it needs "
			"%s",
			i,
			s->connect ? "\"server_key\", the receiver's public key"
				   : "\"bus.curve\", to know who may receive");
	if (s->connect)
		return 0;
	snprintf(what, sizeof(what), "\"outputs[%u]\"", i);
	return take(r, line, all, s->endpoint, what);
}

int pk_config_check_bus(const struct pk_config_reader *r,
			const struct pk_jsonc *top, const struct pk_config *c)
{
	const struct pk_jsonc *bus = member(top, "bus");
	const struct pk_jsonc *curve = member(bus, "curve");
	struct places all = { .count = 0 };
	int err = 0;

	if (!*c->curve_secret != !*c->curve_clients)
		return pk_config_fail(r, curve->line,
				      "\"bus.curve\" needs both \"secret\" and "
				      "\"clients\"");
	for (uint32_t i = 0; !err && i < c->endpoints; i++)
		err = check_endpoint(r, line_of(member(bus, "endpoints"), i), c,
				     i, &all);
	for (uint32_t i = 0; !err && i < c->sends; i++)
		err = check_send(r, line_of(member(top, "outputs"), i), c, i,
				 &all);
	return err;
}
