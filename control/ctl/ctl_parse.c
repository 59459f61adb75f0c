/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/ctl/ctl_parse.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH = 8 }; /* nesting of a request */

static const struct {
	const char *word;
	int status;
} codes[] = {
#define ROW(name, word, status, text) { word, status },
	PK_CTL_CODES(ROW)
#undef ROW
};

const char *pk_ctl_code_word(enum pk_ctl_code code)
{
	return codes[code].word;
}

int pk_ctl_code_status(enum pk_ctl_code code)
{
	return codes[code].status;
}

enum pk_ctl_code pk_ctl_code_find(const char *word)
{
	enum pk_ctl_code code = 0;

	while (code < PK_CTL_CODE_COUNT && strcmp(codes[code].word, word) != 0)
		code++;
	return code;
}

__attribute__((format(printf, 3, 4))) static int refuse(
	struct pk_ctl_refusal *why, enum pk_ctl_code code, const char *format,
	...)
{
	va_list args;

	why->code = code;
	va_start(args, format);
	vsnprintf(why->message, sizeof(why->message), format, args);
	va_end(args);
	return -EINVAL;
}

static int bad(struct pk_ctl_refusal *why, const char *message)
{
	return refuse(why, PK_CTL_E_BAD_REQUEST, "%s", message);
}

static int set_op(struct pk_ctl_request *out, struct json_object *v,
		  struct pk_ctl_refusal *why)
{
	const char *op = json_object_get_string(v);
	size_t n;

	if (!json_object_is_type(v, json_type_string))
		return bad(why, "\"op\" must be a string");
	n = (size_t)json_object_get_string_len(v);
	if (!n || n >= sizeof(out->op))
		return bad(why, "\"op\" must have 1 to 63 bytes");
	for (size_t i = 0; i < n; i++)
		if (!islower((unsigned char)op[i]) &&
		    !isdigit((unsigned char)op[i]) && op[i] != ' ' &&
		    op[i] != '-')
			return bad(why, "\"op\" must be lower-case words");
	memcpy(out->op, op, n + 1);
	return 0;
}

static int set_bytes(struct pk_ctl_request *out, struct json_object *v,
		     struct pk_ctl_refusal *why)
{
	int64_t n = json_object_get_int64(v);

	if (!json_object_is_type(v, json_type_int) || n < 0)
		return bad(why, "\"bytes\" must be an integer from 0");
	out->bytes = (uint64_t)n; /* too large ones saturate */
	return 0;
}

static int set_member(struct pk_ctl_request *out, const char *name,
		      struct json_object *v, struct pk_ctl_refusal *why)
{
	if (!strcmp(name, "v")) {
		if (json_object_is_type(v, json_type_int) &&
		    json_object_get_int64(v) == PK_CTL_PROTOCOL)
			return 0;
		return refuse(why, PK_CTL_E_VERSION,
			      "this daemon speaks version %d of the protocol; "
			      "use the picketctl that came with it",
			      PK_CTL_PROTOCOL);
	}
	if (!strcmp(name, "op"))
		return set_op(out, v, why);
	if (!strcmp(name, "bytes"))
		return set_bytes(out, v, why);
	if (strcmp(name, "args") != 0)
		return bad(why, "a request has \"v\", \"op\", \"args\" and "
				"\"bytes\" only");
	if (!json_object_is_type(v, json_type_object))
		return bad(why, "\"args\" must be an object");
	out->args = json_object_get(v);
	return 0;
}

static struct json_object *read_json(const char *line, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH);
	struct json_object *root = NULL;
	size_t end;

	if (!t)
		return NULL;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT |
					  JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(t, line, (int)len);
	end = json_tokener_get_parse_end(t);
	if (json_tokener_get_error(t) != json_tokener_success || end != len) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(t);
	return root;
}

int pk_ctl_request_parse(struct pk_ctl_request *out, const char *line,
			 size_t len, struct pk_ctl_refusal *why)
{
	struct json_object *root;
	int err = 0;

	memset(out, 0, sizeof(*out));
	if (len >= PK_CTL_LINE_MAX)
		return refuse(why, PK_CTL_E_TOO_LARGE,
			      "a request line has at most %d bytes",
			      PK_CTL_LINE_MAX);
	root = read_json(line, len);
	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return bad(why, "a request is one JSON object in one line");
	}
	json_object_object_foreach(root, name, value)
	{
		if (!err)
			err = set_member(out, name, value, why);
	}
	json_object_put(root);
	if (!err && !*out->op)
		err = bad(why, "\"op\" is missing");
	if (!err && !out->args)
		out->args = json_object_new_object();
	return err;
}

void pk_ctl_request_fini(struct pk_ctl_request *r)
{
	json_object_put(r->args);
	r->args = NULL;
}

int pk_ctl_upload_head(struct pk_ctl_upload *u,
		       const uint8_t head[PK_CTL_CHUNK_HEAD],
		       struct pk_ctl_refusal *why)
{
	uint64_t owed = u->bytes - u->begun;
	uint32_t number, len;

	memcpy(&number, head, 4);
	memcpy(&len, head + 4, 4);
	number = le32toh(number);
	len = le32toh(len);
	if (number != u->next)
		return refuse(why, PK_CTL_E_UPLOAD,
			      "chunk %u came where chunk %u is due; nothing "
			      "was changed",
			      number, u->next);
	if (!len || len > PK_CTL_CHUNK_MAX || len > owed ||
	    (len < PK_CTL_CHUNK_MIN && len != owed))
		return refuse(why, PK_CTL_E_UPLOAD,
			      "chunk %u has %u bytes, %llu are owed; nothing "
			      "was changed",
			      number, len, (unsigned long long)owed);
	u->next++;
	u->begun += len;
	u->left = len;
	return 0;
}

bool pk_ctl_upload_done(const struct pk_ctl_upload *u)
{
	return u->begun == u->bytes && !u->left;
}
