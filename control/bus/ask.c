/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/ask.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "control/bus_socket.h"
#include "control/json_out.h"

enum { DEPTH = 3 };

#define WORD(name, word) #word,
static const char *const op_words[] = { PK_ASK_OPS(WORD) };
#undef WORD

static struct json_object *parse(const char *text, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH);
	struct json_object *o;

	if (!t)
		return NULL;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT |
					  JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(t, text, (int)len);
	if (json_tokener_get_error(t) != json_tokener_success ||
	    json_tokener_get_parse_end(t) != len ||
	    !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(t);
	return o;
}

/* 1, 0 when it is not there, -EINVAL when it is no such number. */
static int get_number(struct json_object *o, const char *key, uint64_t *out)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		return 0;
	if (!json_object_is_type(v, json_type_int) ||
	    json_object_get_int64(v) < 0 ||
	    json_object_get_uint64(v) > INT64_MAX)
		return -EINVAL;
	*out = json_object_get_uint64(v);
	return 1;
}

/* The place of the text of @key in @words, or -1. */
static int get_word(struct json_object *o, const char *key,
		    const char *const *words, int count)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, json_type_string))
		return -1;
	for (int i = 0; i < count; i++)
		if (!strcmp(json_object_get_string(v), words[i]))
			return i;
	return -1;
}

static const char *read_credit(struct json_object *o, struct pk_ask *a)
{
	if (get_number(o, "credit", &a->credit) <= 0)
		return "\"credit\" must be a number of messages";
	if (a->credit > PK_ASK_CREDIT_MAX)
		return "\"credit\" is more than 65536 messages; give it piece "
		       "by piece";
	return NULL;
}

static const char *read_range(struct json_object *o, struct pk_ask *a)
{
	a->class = get_word(o, "class", pk_bus_words, PK_BUS_CLASS_COUNT);
	if (a->class < 0 || !pk_bus_journaled(a->class))
		return "\"class\" must name a class that is journaled: threat";
	if (get_number(o, "from", &a->from) <= 0 || !a->from)
		return "\"from\" must be a number, at least 1";
	if (get_number(o, "to", &a->to) < 0 || (a->to && a->to < a->from))
		return "\"to\" must be 0 for all there is, or a number not "
		       "less than \"from\"";
	return NULL;
}

static const char *read_ask(struct json_object *o, struct pk_ask *a)
{
	int op = get_word(o, "op", op_words, PK_ASK_OP_COUNT);
	const char *why = NULL;

	a->has_id = get_number(o, "id", &a->id);
	if (op < 0)
		return "\"op\" must be hello, replay, credit or cancel";
	a->op = (enum pk_ask_op)op;
	if (a->has_id < 0 || (!a->has_id && a->op != PK_ASK_HELLO))
		return "\"id\" must be a number from 0 to 2^63 - 1";
	if (a->op == PK_ASK_REPLAY)
		why = read_range(o, a);
	if (!why && (a->op == PK_ASK_REPLAY || a->op == PK_ASK_CREDIT))
		why = read_credit(o, a);
	return why;
}

int pk_ask_parse(struct pk_ask *out, const char *text, size_t len,
		 const char **why)
{
	struct json_object *o;

	memset(out, 0, sizeof(*out));
	*why = "a request is one JSON object of at most 1024 bytes";
	if (!len || len > PK_ASK_MAX)
		return -EINVAL;
	o = parse(text, len);
	if (!o)
		return -EINVAL;
	*why = read_ask(o, out);
	out->has_id = out->has_id > 0;
	json_object_put(o);
	return *why ? -EINVAL : 0;
}

int pk_ask_encode(const struct pk_ask *ask, char *out, size_t size)
{
	struct pk_json_out j;

	pk_json_out_begin(&j, out, size);
	pk_json_out_plain(&j, "op", op_words[ask->op]);
	if (ask->op != PK_ASK_HELLO)
		pk_json_out_number(&j, "id", ask->id);
	if (ask->op == PK_ASK_REPLAY) {
		pk_json_out_plain(&j, "class", pk_bus_words[ask->class]);
		pk_json_out_number(&j, "from", ask->from);
		pk_json_out_number(&j, "to", ask->to);
	}
	if (ask->op == PK_ASK_REPLAY || ask->op == PK_ASK_CREDIT)
		pk_json_out_number(&j, "credit", ask->credit);
	return pk_json_out_end(&j);
}
