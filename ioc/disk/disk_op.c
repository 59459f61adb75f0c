/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record is its kind, one byte, and:
 *
 *	FEED  u16 feed, text name, format, source, licence, attribution,
 *	      u32 ttl, loaded, u64 records, refused
 *	META  u16 number, u16 feed, text threat type, tags, attribution, u32
 *	      first and last seen, valid from and until, u8 class, confidence,
 *	      severity, tlp, action, derived
 *	ADD   u32 slot, u16 number (of the META that came before in this turn),
 *	      u8 first, u8 type, u8 match, text id, u16 length, value
 *	DEAD  u32 slot
 *
 * A text is its length, one byte, and its bytes.
 */
#include "ioc/disk/disk_inside.h"

#include <errno.h>
#include <string.h>

_Static_assert(PK_TAGS_MAX <= 255 && PK_FEED_TEXT_MAX <= 255, "one byte");
_Static_assert(1 + 2 + 5 * 256 + 24 <= OP_MAX, "FEED fits");
_Static_assert(1 + 9 + 256 + 2 + PK_VALUE_MAX <= OP_MAX, "ADD fits");

/* --- out ------------------------------------------------------------------ */

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
	memcpy(to, bytes, len);
	return to + len;
}

static uint8_t *put8(uint8_t *to, uint8_t v)
{
	*to = v;
	return to + 1;
}

static uint8_t *put16(uint8_t *to, uint16_t v)
{
	return put(to, &v, sizeof(v));
}

static uint8_t *put32(uint8_t *to, uint32_t v)
{
	return put(to, &v, sizeof(v));
}

static uint8_t *put64(uint8_t *to, uint64_t v)
{
	return put(to, &v, sizeof(v));
}

static uint8_t *put_text(uint8_t *to, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	return put(put8(to, (uint8_t)len), text, len);
}

size_t pk_op_feed(uint8_t *out, uint16_t feed, const struct pk_feed_info *info)
{
	uint8_t *to = put16(put8(out, OP_FEED), feed);

	to = put_text(to, info->name, sizeof(info->name) - 1);
	to = put_text(to, info->format, sizeof(info->format) - 1);
	to = put_text(to, info->source, sizeof(info->source) - 1);
	to = put_text(to, info->licence, sizeof(info->licence) - 1);
	to = put_text(to, info->attribution, sizeof(info->attribution) - 1);
	to = put32(put32(to, info->ttl_sec), info->loaded);
	to = put64(put64(to, info->records), info->refused);
	return (size_t)(to - out);
}

size_t pk_op_meta(uint8_t *out, uint16_t number, uint16_t feed,
		  const struct pk_meta *meta)
{
	uint8_t *to = put16(put16(put8(out, OP_META), number), feed);

	to = put_text(to, meta->threat_type, PK_THREAT_TYPE_MAX);
	to = put_text(to, meta->tags, PK_TAGS_MAX);
	to = put_text(to, meta->attribution, PK_ATTRIBUTION_MAX);
	to = put32(put32(to, meta->first_seen), meta->last_seen);
	to = put32(put32(to, meta->valid_from), meta->valid_until);
	to = put8(put8(to, meta->threat_class), meta->confidence);
	to = put8(put8(to, meta->severity), meta->tlp);
	to = put8(put8(to, meta->action), meta->derived);
	return (size_t)(to - out);
}

size_t pk_op_add(uint8_t *out, uint16_t number, bool first,
		 const struct pk_indicator *ind)
{
	uint8_t small[PK_SMALL_VALUE];
	const uint8_t *bytes;
	unsigned len = pk_indicator_bytes(ind, small, &bytes);
	uint8_t *to = put32(put8(out, OP_ADD), ind->slot);

	to = put8(put16(to, number), first);
	to = put8(put8(to, ind->type), ind->match);
	to = put_text(to, ind->meta.id, PK_ID_MAX);
	to = put(put16(to, (uint16_t)len), bytes, len);
	return (size_t)(to - out);
}

size_t pk_op_dead(uint8_t *out, uint32_t slot)
{
	return (size_t)(put32(put8(out, OP_DEAD), slot) - out);
}

size_t pk_op_commit(uint8_t *out, const struct pk_disk_commit *c)
{
	uint8_t *to = put64(put64(out, c->number), c->at);

	to = put32(put32(to, c->uid), c->added);
	to = put32(put32(to, c->changed), c->withdrawn);
	to = put(put32(to, c->live), c->boot_id, sizeof(c->boot_id));
	to = put_text(to, c->feed, sizeof(c->feed) - 1);
	to = put_text(to, c->op, sizeof(c->op) - 1);
	return (size_t)(to - out);
}

/* --- in ------------------------------------------------------------------- */

/* What is left to read; bad sticks, and then all is zero. */
struct in {
	const uint8_t *at, *end;
	bool bad;
};

static const uint8_t *get(struct in *in, size_t len)
{
	static const uint8_t zero[16];
	const uint8_t *at = in->at;

	if (in->bad || (size_t)(in->end - at) < len) {
		in->bad = true;
		return zero;
	}
	in->at += len;
	return at;
}

static uint8_t get8(struct in *in)
{
	return *get(in, 1);
}

static uint16_t get16(struct in *in)
{
	uint16_t v;

	memcpy(&v, get(in, sizeof(v)), sizeof(v));
	return v;
}

static uint32_t get32(struct in *in)
{
	uint32_t v;

	memcpy(&v, get(in, sizeof(v)), sizeof(v));
	return v;
}

static uint64_t get64(struct in *in)
{
	uint64_t v;

	memcpy(&v, get(in, sizeof(v)), sizeof(v));
	return v;
}

/* Into @text with room for @max bytes and a NUL. */
static void get_text(struct in *in, char *text, size_t max)
{
	size_t len = get8(in);
	const uint8_t *from = get(in, len);

	if (len > max || memchr(from, 0, in->bad ? 0 : len))
		in->bad = true;
	if (in->bad)
		len = 0;
	memcpy(text, from, len);
	text[len] = '\0';
}

static void read_feed(struct in *in, struct op *op)
{
	struct pk_feed_info *info = &op->info;

	*info = (struct pk_feed_info){ .name = "" };
	op->feed = get16(in);
	get_text(in, info->name, sizeof(info->name) - 1);
	get_text(in, info->format, sizeof(info->format) - 1);
	get_text(in, info->source, sizeof(info->source) - 1);
	get_text(in, info->licence, sizeof(info->licence) - 1);
	get_text(in, info->attribution, sizeof(info->attribution) - 1);
	info->ttl_sec = get32(in);
	info->loaded = get32(in);
	info->records = get64(in);
	info->refused = get64(in);
}

static void read_meta(struct in *in, struct op *op)
{
	struct saying *s = &op->saying;
	struct pk_meta *m = &s->meta;

	pk_meta_init(m);
	op->number = get16(in);
	s->feed = get16(in);
	get_text(in, s->threat_type, sizeof(s->threat_type) - 1);
	get_text(in, s->tags, sizeof(s->tags) - 1);
	get_text(in, s->attribution, sizeof(s->attribution) - 1);
	m->first_seen = get32(in);
	m->last_seen = get32(in);
	m->valid_from = get32(in);
	m->valid_until = get32(in);
	m->threat_class = get8(in);
	m->confidence = get8(in);
	m->severity = get8(in);
	m->tlp = get8(in);
	m->action = get8(in);
	m->derived = get8(in);
	if (op->number >= METAS || s->feed >= PK_FEEDS_MAX ||
	    m->threat_class >= PK_THREAT_CLASS_COUNT ||
	    (m->confidence > 100 && m->confidence != PK_CONFIDENCE_UNKNOWN) ||
	    m->severity >= PK_SEVERITY_COUNT || m->tlp >= PK_TLP_COUNT ||
	    m->action >= PK_ACTION_COUNT || m->derived > 1)
		in->bad = true;
}

static void read_add(struct in *in, struct op *op)
{
	struct pk_indicator *ind = &op->ind;
	const uint8_t *value;
	unsigned first, len;

	pk_indicator_init(ind);
	op->slot = get32(in);
	op->number = get16(in);
	first = get8(in);
	op->first = first;
	ind->type = get8(in);
	ind->match = get8(in);
	get_text(in, op->id, sizeof(op->id) - 1);
	len = get16(in);
	value = get(in, len);
	if (in->bad || !op->slot || op->slot > PK_SLOT_MAX ||
	    op->number >= METAS || first > 1 ||
	    ind->type >= PK_INDICATOR_TYPE_COUNT ||
	    ind->match >= PK_MATCH_COUNT ||
	    (ind->match && ind->type != PK_INDICATOR_DOMAIN) || !len ||
	    len > PK_VALUE_MAX || pk_indicator_set_bytes(ind, value, len))
		in->bad = true;
	ind->slot = op->slot;
}

int pk_op_read(const uint8_t *bytes, size_t len, struct op *out)
{
	struct in in = { .at = bytes, .end = bytes + len };

	switch (get8(&in)) {
	case OP_FEED:
		out->kind = OP_FEED;
		read_feed(&in, out);
		break;
	case OP_META:
		out->kind = OP_META;
		read_meta(&in, out);
		break;
	case OP_ADD:
		out->kind = OP_ADD;
		read_add(&in, out);
		break;
	case OP_DEAD:
		out->kind = OP_DEAD;
		out->slot = get32(&in);
		break;
	default:
		in.bad = true;
	}
	return in.bad ? -EBADMSG : (int)(in.at - bytes);
}

int pk_op_commit_read(const uint8_t *bytes, size_t len,
		      struct pk_disk_commit *out)
{
	struct in in = { .at = bytes, .end = bytes + len };

	out->number = get64(&in);
	out->at = get64(&in);
	out->uid = get32(&in);
	out->added = get32(&in);
	out->changed = get32(&in);
	out->withdrawn = get32(&in);
	out->live = get32(&in);
	memcpy(out->boot_id, get(&in, PK_DISK_BOOT_ID), PK_DISK_BOOT_ID);
	get_text(&in, out->feed, sizeof(out->feed) - 1);
	get_text(&in, out->op, sizeof(out->op) - 1);
	return in.bad || in.at != in.end ? -EBADMSG : 0;
}
