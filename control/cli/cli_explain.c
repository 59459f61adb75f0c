/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl threat explain: all that is known of a threat, in sentences. */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "control/cli/cli.h"

/* What was asked for; each may be NULL. */
struct known {
	struct json_object *told;      /* {"threats": [...]} of the journal */
	struct json_object *open;      /* the same of those that are open */
	struct json_object *why;       /* detector and rules */
	struct json_object *indicator; /* as "ioc explain" */
	struct json_object *threat; /* borrowed: as it is, or was told last */
	struct json_object *first;  /* borrowed: what was told first */
};

static struct json_object *first_of(struct json_object *o)
{
	struct json_object *list = pk_cli_get(o, "threats");

	return pk_cli_length(list) ? json_object_array_get_idx(list, 0) : NULL;
}

/* --- asking --------------------------------------------------------------- */

static struct json_object *with_text(const char *key, const char *text)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, key, json_object_new_string(text));
	return o;
}

static int ask_indicator(const struct pk_cli *cli, struct known *k)
{
	struct json_object *ind = pk_cli_get(k->threat, "indicator"), *request;

	if (!ind || !*pk_cli_text(ind, "value"))
		return 0;
	request = with_text("value", pk_cli_text(ind, "value"));
	json_object_object_add(
		request, "type",
		json_object_new_string(pk_cli_text(ind, "type")));
	return pk_cli_ask(cli, "ioc explain", request, NULL, &k->indicator);
}

static int ask(const struct pk_cli *cli, const struct pk_cli_args *args,
	       struct known *k)
{
	struct json_object *list, *request;
	int rc = pk_cli_threat_messages(cli, args, &k->told);

	if (rc)
		return rc;
	list = pk_cli_get(k->told, "threats");
	k->first = first_of(k->told);
	rc = pk_cli_ask(cli, "threat list", with_text("id", args->word[0]),
			NULL, &k->open);
	if (rc)
		return rc;
	k->threat = first_of(k->open);
	if (!k->threat)
		k->threat = json_object_array_get_idx(list,
						      pk_cli_length(list) - 1);
	request = json_object_new_object();
	json_object_object_add(request, "threat", json_object_get(k->threat));
	rc = pk_cli_ask(cli, "threat explain", request, NULL, &k->why);
	return rc ? rc : ask_indicator(cli, k);
}

/* --- telling -------------------------------------------------------------- */

static void tell_state(const struct known *k)
{
	struct json_object *t = k->threat;

	pk_cli_print(stdout, "threat %s is %s.\n", pk_cli_text(t, "id"),
		     first_of(k->open) ? "open" : "closed");
	pk_cli_print(stdout,
		     "%s, severity %s, confidence %s; offender %s, seen at %s "
		     "by plane %s of sensor %s.\n",
		     pk_cli_text(t, "type"), pk_cli_text(t, "severity"),
		     pk_cli_text(t, "confidence"), pk_cli_text(t, "offender"),
		     pk_cli_text(t, "observer"), pk_cli_text(t, "plane"),
		     pk_cli_text(t, "sensor"));
	pk_cli_print(stdout, "First %s, last %s, count %" PRId64 ".\n",
		     pk_cli_text(t, "first"), pk_cli_text(t, "last"),
		     pk_cli_int(t, "count"));
}

static void tell_detector(struct json_object *d)
{
	int64_t threshold = pk_cli_int(d, "threshold");

	if (threshold)
		pk_cli_print(stdout,
			     "It opened because more than %" PRId64
			     " flows of the offender within %" PRId64
			     " s matched %s:\n",
			     threshold, pk_cli_int(d, "window"),
			     pk_cli_text(d, "name"));
	else
		pk_cli_print(stdout,
			     "It opened because a flow of the offender matched "
			     "%s:\n",
			     pk_cli_text(d, "name"));
	pk_cli_print(stdout, "  %s\n", pk_cli_text(d, "where"));
}

static void tell_feeds(struct json_object *ind)
{
	struct json_object *feeds = pk_cli_get(ind, "feeds");

	for (size_t i = 0; i < pk_cli_length(feeds); i++)
		pk_cli_print(stdout, "%s%s", i ? ", " : " by ",
			     json_object_get_string(
				     json_object_array_get_idx(feeds, i)));
}

static void tell_indicator(struct json_object *t, struct json_object *ind)
{
	const char *name = pk_cli_text(pk_cli_get(t, "details"), "name");

	pk_cli_print(stdout, "It opened because %s %s, met as %s, is listed",
		     pk_cli_text(ind, "type"), pk_cli_text(ind, "value"),
		     pk_cli_text(ind, "role"));
	tell_feeds(ind);
	if (*pk_cli_text(ind, "threat_type"))
		pk_cli_print(stdout, " (%s)", pk_cli_text(ind, "threat_type"));
	if (*name)
		pk_cli_print(stdout, "; the name asked for was %s", name);
	pk_cli_print(stdout, ".\n");
}

static void tell_cause(const struct known *k)
{
	struct json_object *detector = pk_cli_get(k->why, "detector");
	struct json_object *ind = pk_cli_get(k->first, "indicator");

	if (ind)
		tell_indicator(k->first, ind);
	else if (detector)
		tell_detector(detector);
	else
		pk_cli_print(stdout, "There is no detector %s any more.\n",
			     pk_cli_text(k->threat, "type"));
}

static void tell_evidence(struct json_object *t)
{
	struct json_object *list = pk_cli_get(t, "evidence");

	if (pk_cli_length(list))
		pk_cli_print(stdout, "The first records that counted:\n");
	for (size_t i = 0; i < pk_cli_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *flags = pk_cli_text(o, "tcp_flags");

		pk_cli_print(stdout, "  %s %-4s %s %s:%s > %s:%s",
			     pk_cli_text(o, "time"), pk_cli_text(o, "record"),
			     pk_cli_text(o, "proto"), pk_cli_text(o, "src_ip"),
			     pk_cli_text(o, "src_port"),
			     pk_cli_text(o, "dst_ip"),
			     pk_cli_text(o, "dst_port"));
		if (*flags)
			pk_cli_print(stdout, " flags %s", flags);
		if (pk_cli_get(o, "packets"))
			pk_cli_print(stdout, " packets %s, bytes %s",
				     pk_cli_text(o, "packets"),
				     pk_cli_text(o, "bytes"));
		pk_cli_print(stdout, "\n");
	}
}

static void tell_targets(struct json_object *t)
{
	struct json_object *list = pk_cli_get(t, "targets");
	int64_t more = pk_cli_int(t, "targets_more");

	if (pk_cli_length(list))
		pk_cli_print(stdout, "Targets:\n");
	for (size_t i = 0; i < pk_cli_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		int64_t error = pk_cli_int(o, "error");

		pk_cli_print(stdout, "  %s: %" PRId64, pk_cli_text(o, "addr"),
			     pk_cli_int(o, "count"));
		if (error)
			pk_cli_print(stdout,
				     ", of which %" PRId64 " may be others'",
				     error);
		pk_cli_print(stdout, "\n");
	}
	if (more)
		pk_cli_print(stdout, "  others: %" PRId64 "\n", more);
}

static void tell_messages(const struct known *k)
{
	struct json_object *list = pk_cli_get(k->told, "threats");

	pk_cli_print(stdout, "Told, by the numbers of the journal:\n");
	for (size_t i = 0; i < pk_cli_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		pk_cli_print(stdout,
			     "  %" PRId64 ": %s, last %s, count %" PRId64 "\n",
			     pk_cli_int(o, "seq"), pk_cli_text(o, "state"),
			     pk_cli_text(o, "last"), pk_cli_int(o, "count"));
	}
}

static void tell_rules(const struct known *k)
{
	struct json_object *rules = pk_cli_get(k->why, "suppress");

	pk_cli_print(stdout, "%s\n",
		     pk_cli_length(rules) ? "Rules that would suppress it now:"
					  : "No rule would suppress it now.");
	for (size_t i = 0; i < pk_cli_length(rules); i++) {
		pk_cli_print(stdout, "  ");
		pk_cli_show_rule(json_object_array_get_idx(rules, i));
	}
}

static void tell(const struct known *k)
{
	tell_state(k);
	tell_cause(k);
	tell_evidence(k->threat);
	tell_targets(k->threat);
	tell_messages(k);
	tell_rules(k);
	if (!k->indicator)
		return;
	pk_cli_print(stdout, "The indicators say now:\n");
	pk_cli_show_explained(k->indicator);
}

static void add(struct json_object *o, const char *key, struct json_object *v)
{
	if (v)
		json_object_object_add(o, key, json_object_get(v));
}

static void tell_json(const struct pk_cli *cli, const struct known *k)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(
		o, "state",
		json_object_new_string(first_of(k->open) ? "open" : "closed"));
	add(o, "threat", k->threat);
	add(o, "detector", pk_cli_get(k->why, "detector"));
	add(o, "suppress", pk_cli_get(k->why, "suppress"));
	add(o, "indicator_now", k->indicator);
	add(o, "messages", pk_cli_get(k->told, "threats"));
	pk_cli_json(cli, o);
	json_object_put(o);
}

int pk_cli_threat_explain(const struct pk_cli *cli,
			  const struct pk_cli_args *args)
{
	struct known k = { 0 };
	int rc = ask(cli, args, &k);

	if (!rc && cli->json)
		tell_json(cli, &k);
	else if (!rc)
		tell(&k);
	json_object_put(k.told);
	json_object_put(k.open);
	json_object_put(k.why);
	json_object_put(k.indicator);
	return rc;
}
