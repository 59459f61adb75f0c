/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/relay/message.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

static void copy(struct json_object *to, struct json_object *from,
		 const char *key, const char *as)
{
	struct json_object *v;

	if (json_object_object_get_ex(from, key, &v))
		json_object_object_add(to, as, json_object_get(v));
}

static struct json_object *make_details(struct json_object *t)
{
	static const char *const keys[] = { "id",    "seq",	"epoch",
					    "state", "count",	"target",
					    "hold",  "severity" };
	struct json_object *d = json_object_new_object(), *from;

	if (json_object_object_get_ex(t, "details", &from))
		copy(d, from, "attacked_hosts", "attacked_hosts");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		copy(d, t, keys[i], keys[i]);
	copy(d, t, "last", "time");
	return d;
}

static int is_text(struct json_object *t, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(t, key, &v) &&
	       json_object_is_type(v, json_type_string);
}

static int make(struct json_object **out, struct json_object *t, int all)
{
	struct json_object *o, *state;

	if (!json_object_is_type(t, json_type_object) || !is_text(t, "type") ||
	    !is_text(t, "offender") || !is_text(t, "state"))
		return -EBADMSG;
	json_object_object_get_ex(t, "state", &state);
	if (!all && strcmp(json_object_get_string(state), "open") != 0)
		return 0;
	o = json_object_new_object();
	copy(o, t, is_text(t, "observer") ? "observer" : "sensor", "observer");
	copy(o, t, "offender", "offender");
	copy(o, t, "type", "type");
	json_object_object_add(o, "details", make_details(t));
	*out = o;
	return 1;
}

int message_make(struct json_object **out, const char *json, size_t len,
		 int all)
{
	struct json_tokener *parser = json_tokener_new();
	struct json_object *t;
	int ret;

	if (!parser)
		return -ENOMEM;
	t = json_tokener_parse_ex(parser, json, (int)len);
	ret = make(out, t, all);
	json_object_put(t);
	json_tokener_free(parser);
	return ret;
}
