/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/mapping_doc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHAT_MAX = 100 };

int pk_doc_bad(struct pk_doc *d, const char *format, ...)
{
	const char *key = d->key ? d->key : "", *part = d->part ? d->part : "";
	char what[WHAT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(d->why, PK_MAPPING_WHY_MAX, "mapping %.64s: %.32s%s%.32s%s%s",
		 d->file, key, *part ? "." : "", part, *key ? ": " : "", what);
	/* Keys are as hostile as what holds them. */
	for (char *p = d->why; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return -EINVAL;
}

void *pk_doc_alloc(struct pk_doc *d, size_t n, size_t size)
{
	void *memory = calloc(n ? n : 1, size);

	d->memory |= !memory;
	return memory;
}

const char *pk_doc_keep(struct pk_doc *d, const char *text, size_t len)
{
	struct pk_mapping *m = d->m;
	char *kept = m->texts + m->texts_used;

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f)
			continue;
		pk_doc_bad(d, "a control character");
		return NULL;
	}
	if (len >= d->room - m->texts_used) {
		pk_doc_bad(d, "too long");
		return NULL;
	}
	memcpy(kept, text, len);
	kept[len] = 0;
	m->texts_used += len + 1;
	return kept;
}

const char *pk_doc_scalar(struct pk_doc *d, struct json_object *o)
{
	enum json_type type = json_object_get_type(o);

	if (type == json_type_string)
		return pk_doc_keep(d, json_object_get_string(o),
				   (size_t)json_object_get_string_len(o));
	if (type == json_type_int)
		return pk_doc_keep(d, json_object_get_string(o),
				   strlen(json_object_get_string(o)));
	pk_doc_bad(d, "not a text or a whole number");
	return NULL;
}

const char *pk_doc_string(struct pk_doc *d, struct json_object *o)
{
	if (json_object_is_type(o, json_type_string))
		return pk_doc_scalar(d, o);
	pk_doc_bad(d, "not a text");
	return NULL;
}

int pk_doc_text(struct pk_doc *d, struct json_object *o, const char **out)
{
	*out = pk_doc_string(d, o);
	if (*out && !**out)
		return pk_doc_bad(d, "empty");
	return *out ? 0 : -EINVAL;
}

int pk_doc_texts(struct pk_doc *d, struct json_object *o,
		 struct pk_mapping_texts *out)
{
	size_t n;

	if (!json_object_is_type(o, json_type_array))
		return pk_doc_bad(d, "not a list of texts");
	if (out->text)
		return pk_doc_bad(d, "given twice");
	n = json_object_array_length(o);
	out->text = pk_doc_alloc(d, n, sizeof(*out->text));
	if (!out->text)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		out->text[i] =
			pk_doc_string(d, json_object_array_get_idx(o, i));
		if (!out->text[i])
			return -EINVAL;
		out->n++;
	}
	return 0;
}
