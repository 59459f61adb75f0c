/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/ctlops_bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/canned.h"
#include "control/daemon/status.h"
#include "control/log.h"
#include "control/metrics/tree.h"

/* --- the list of clients ----------------------------------------------------- */

static int reload(struct pk_daemon *d, char err[PK_CURVE_SENTENCE])
{
	int ret = pk_gate_reload(d->gate, err);

	if (ret)
		pk_err("the list of clients stays as it was: %s", err);
	else
		pk_info("the list of clients was read again");
	return ret;
}

void pk_daemon_reload_clients(struct pk_daemon *d)
{
	char err[PK_CURVE_SENTENCE];

	if (d->gate)
		reload(d, err);
}

static int op_key_reload(void *arg, struct json_object *args, const void *bytes,
			 size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	char err[PK_CURVE_SENTENCE];
	struct pk_gate_counters c;
	struct json_object *o;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	if (pk_args_end(&a, out))
		return 0;
	if (!d->gate) {
		pk_ctl_fail(out, PK_CTL_E_CONFIGURATION, NULL,
			    "there is no list of clients: \"bus.curve\" is not "
			    "configured");
		return 0;
	}
	if (reload(d, err)) {
		pk_ctl_fail(out, PK_CTL_E_FAILED, "the list is as before", "%s",
			    err);
		return 0;
	}
	pk_gate_count(d->gate, &c);
	o = json_object_new_object();
	pk_ctlops_add_number(o, "clients", c.clients);
	pk_ctl_ok(out, o);
	return 0;
}

/* --- test messages --------------------------------------------------------- */

struct test {
	struct pk_daemon *d;
	const char *type; /* NULL: every kind */
	int to_bus;
	uint32_t outputs; /* bits of those that it is for */
	uint64_t sent;
};

/* An endpoint of the bus or an output, or an output's name. 0 or -ENOENT. */
static int find_endpoint(struct test *t, const char *endpoint)
{
	const struct pk_config *c = t->d->conf->config;

	if (!endpoint) {
		t->to_bus = 1;
		t->outputs = UINT32_MAX;
		return 0;
	}
	for (uint32_t i = 0; i < c->endpoints; i++)
		t->to_bus |= !strcmp(c->endpoint[i], endpoint);
	for (uint32_t i = 0; i < c->sends; i++)
		if (!strcmp(c->send[i].endpoint, endpoint) ||
		    !strcmp(c->send[i].name, endpoint))
			t->outputs |= 1U << i;
	return t->to_bus || t->outputs ? 0 : -ENOENT;
}

static void send_one(struct test *t, const char *kind, const char *json,
		     size_t len)
{
	struct pk_daemon *d = t->d;

	if (t->type && strcmp(t->type, kind) != 0)
		return;
	t->sent++;
	if (t->to_bus)
		pk_bus_publish(d->bus, PK_BUS_TEST, kind, pk_daemon_real_ns(),
			       json, len);
	for (uint32_t i = 0; d->sender && i < PK_SENDER_MAX; i++)
		if (t->outputs & 1U << i)
			pk_sender_test(d->sender, i, kind, json, len);
}

/* The one kind that is as long as the daemon is large. */
static void send_stats(struct test *t)
{
	struct json_object *o = pk_status_json(t->d);
	size_t len = 0;
	const char *text;
	char *marked;
	int n;

	text = o ? json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN,
						     &len)
		 : NULL;
	marked = text ? malloc(len + 32) : NULL;
	n = marked ? pk_canned_mark(text, len, marked, len + 32) : 0;
	if (n > 0)
		send_one(t, "stats", marked, (size_t)n);
	free(marked);
	json_object_put(o);
}

static void send_all(struct test *t)
{
	const struct pk_canned_conf conf = { t->d->conf->config->sensor,
					     t->d->epoch, pk_daemon_real_ns() };
	char kind[PK_CANNED_KIND];
	int n;

	for (uint32_t i = 0; (n = pk_canned(&conf, i, kind, t->d->text,
					    sizeof(t->d->text))) > 0;
	     i++)
		send_one(t, kind, t->d->text, (size_t)n);
	send_stats(t);
}

static int op_send_test(void *arg, struct json_object *args, const void *bytes,
			size_t n, struct pk_ctl_answer *out)
{
	struct test t = { .d = arg };
	struct json_object *o;
	const char *endpoint;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	t.type = pk_args_text(&a, "type", false);
	endpoint = pk_args_text(&a, "endpoint", false);
	if (pk_args_end(&a, out))
		return 0;
	if (find_endpoint(&t, endpoint)) {
		pk_ctl_fail(out, PK_CTL_E_NOT_FOUND,
			    "`picketctl -j status` shows them",
			    "\"%.100s\" is no endpoint of the bus, and no "
			    "output",
			    endpoint);
		return 0;
	}
	send_all(&t);
	if (!t.sent) {
		pk_ctl_fail(out, PK_CTL_E_NOT_FOUND,
			    "kinds are threat-indicator, threat-DETECTOR, "
			    "hit-ipv4-addr, hit-domain-name, hb and stats",
			    "there is no kind \"%.60s\"", t.type);
		return 0;
	}
	o = json_object_new_object();
	pk_ctlops_add_number(o, "sent", t.sent);
	pk_ctl_ok(out, o);
	return 0;
}

#define ADD(name, text) pk_tree_counter(o, #name, c.name, text);

void pk_daemon_gate_status(const struct pk_daemon *d, struct json_object *bus)
{
	struct json_object *o = json_object_new_object();
	struct pk_gate_counters c;

	if (!d->gate) {
		json_object_put(o);
		return;
	}
	json_object_object_add(bus, "curve", o);
	pk_ctlops_add_text(o, "public_key", pk_gate_key(d->gate));
	pk_gate_count(d->gate, &c);
	PK_GATE_COUNTERS(ADD)
}

int pk_ctlops_register_bus(struct pk_daemon *d)
{
	int err = pk_ctl_add(d->ctl, "key reload", op_key_reload, d);

	return err ? err : pk_ctl_add(d->ctl, "bus send-test", op_send_test, d);
}
