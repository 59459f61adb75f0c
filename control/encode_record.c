/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/encode.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "bpf/parse.h"
#include "control/encode_inside.h"
#include "control/text.h"
#include "ioc/name.h"

static void add_head(struct pk_json_out *j, const struct pk_record *r)
{
	pk_json_out_time(j, "seen", r->seen_ns);
	pk_json_out_plain(j, "plane", pk_text_plane(r->plane));
	pk_json_out_number(j, "port", r->port);
	pk_json_out_plain(j, "direction",
			  r->direction == PK_OUT ? "out" : "in");
	pk_encode_observer(j, &r->observer, NULL);
	pk_json_out_number(j, "epoch", r->epoch);
	pk_json_out_number(j, "seq", r->seq);
	if (r->frame)
		pk_json_out_number(j, "frame", r->frame);
	pk_json_out_number(j, "sampling", r->sampling);
}

static void add_name(struct pk_json_out *j, const struct pk_hit *h)
{
	uint8_t wire[PK_NAME_MAX + 1] = { 0 };
	char text[PK_NAME_TEXT_MAX];

	if (!h->text_len || h->text_len > PK_NAME_MAX)
		return;
	memcpy(wire, h->text, h->text_len);
	if (!pk_name_length(wire, h->text_len))
		return;
	pk_name_print(wire, text);
	pk_json_out_text(j, "name", text);
}

static int encode_hit(const struct pk_hit *h, char *out, size_t size)
{
	const struct pk_packet *p = &h->packet;
	struct pk_json_out j;

	pk_json_out_begin(&j, out, size);
	pk_json_out_plain(&j, "record", "hit");
	add_head(&j, &h->head);
	pk_json_out_plain(&j, "role", pk_text_role(h->role));
	pk_json_out_number(&j, "slot", h->slot);
	pk_json_out_number(&j, "generation", h->generation);
	pk_json_out_number(&j, "depth", h->depth);
	add_name(&j, h);
	pk_json_out_open(&j, "flow", '{');
	pk_encode_flow(&j, &p->key);
	pk_json_out_close(&j, '}');
	pk_encode_flags(&j, "tcp_flags", p->key.proto, p->tcp_flags);
	pk_json_out_number(&j, "ttl", p->ttl);
	pk_json_out_number(&j, "bytes", p->bytes);
	if (p->layers & PK_BAD_CHECKSUM)
		pk_json_out_plain(&j, "checksum", "bad");
	if (p->vlans)
		pk_json_out_number(&j, "vlan", p->vlan);
	return pk_json_out_end(&j);
}

static const char *end_word(uint8_t end)
{
#define WORD(name, text) #name,
	static const char *const words[] = { PK_FLOW_ENDS(WORD) };
#undef WORD
	return end < PK_FLOW_END_COUNT ? words[end] : "UNKNOWN";
}

static int encode_flow(const struct pk_flow *f, char *out, size_t size)
{
	struct pk_json_out j;

	pk_json_out_begin(&j, out, size);
	pk_json_out_plain(&j, "record", "flow");
	add_head(&j, &f->head);
	pk_json_out_open(&j, "flow", '{');
	pk_encode_flow(&j, &f->key);
	pk_json_out_close(&j, '}');
	pk_json_out_time(&j, "start", f->start_ns);
	pk_json_out_time(&j, "end", f->end_ns);
	pk_json_out_number(&j, "packets", f->packets[0]);
	pk_json_out_number(&j, "bytes", f->bytes[0]);
	pk_encode_flags(&j, "tcp_flags", f->key.proto, f->tcp_flags[0]);
	pk_json_out_number(&j, "r_packets", f->packets[1]);
	pk_json_out_number(&j, "r_bytes", f->bytes[1]);
	pk_encode_flags(&j, "r_tcp_flags", f->key.proto, f->tcp_flags[1]);
	pk_json_out_number(&j, "listed_src", f->listed[0]);
	pk_json_out_number(&j, "listed_dst", f->listed[1]);
	pk_json_out_plain(&j, "reason", end_word(f->end));
	return pk_json_out_end(&j);
}

int pk_encode_record(const struct pk_record *record, char *out, size_t size)
{
	if (record->type == PK_RECORD_HIT)
		return encode_hit((const struct pk_hit *)record, out, size);
	if (record->type == PK_RECORD_FLOW)
		return encode_flow((const struct pk_flow *)record, out, size);
	return -EINVAL;
}

int pk_encode_pipeline(const struct pk_pipeline_stats *stats, char *out,
		       size_t size)
{
	struct pk_json_out j;

#define ADD_PIPELINE(name, text) \
	pk_json_out_number(&j, #name, stats->pipeline.name);
#define ADD_WINDOW(name, text) \
	pk_json_out_number(&j, #name, stats->window.name);
#define ADD_THREAT(name, text) \
	pk_json_out_number(&j, #name, stats->threat.name);
	pk_json_out_begin(&j, out, size);
	pk_json_out_open(&j, "pipeline", '{');
	PK_PIPELINE_COUNTERS(ADD_PIPELINE)
	pk_json_out_close(&j, '}');
	pk_json_out_open(&j, "window", '{');
	PK_WINDOW_COUNTERS(ADD_WINDOW)
	pk_json_out_close(&j, '}');
	pk_json_out_open(&j, "threat", '{');
	PK_THREAT_COUNTERS(ADD_THREAT)
	pk_json_out_close(&j, '}');
	return pk_json_out_end(&j);
}

/* ---- heartbeats ---- */

int pk_encode_heartbeat(const struct pk_heartbeat *beat, char *out, size_t size)
{
	struct pk_json_out j;

	pk_json_out_begin(&j, out, size);
	pk_json_out_text(&j, "sensor", beat->sensor);
	pk_json_out_hex(&j, "epoch", beat->epoch);
	pk_json_out_time(&j, "time", beat->time_ns);
	pk_json_out_open(&j, "last", '{');
	for (uint32_t i = 0; i < beat->classes; i++)
		pk_json_out_number(&j, beat->word[i], beat->last[i]);
	pk_json_out_close(&j, '}');
	pk_json_out_open(&j, "first", '{');
	for (uint32_t i = 0; beat->first && i < beat->classes; i++)
		if (beat->first[i])
			pk_json_out_number(&j, beat->word[i], beat->first[i]);
	pk_json_out_close(&j, '}');
	return pk_json_out_end(&j);
}

int pk_decode_heartbeat(const char *json, size_t len, struct pk_heartbeat *beat)
{
	struct json_tokener *parser = json_tokener_new_ex(4);
	struct json_object *o = NULL, *last, *n;
	int err = -EBADMSG;

	if (!parser)
		return -ENOMEM;
	if (len < PK_ENCODE_MAX)
		o = json_tokener_parse_ex(parser, json, (int)len + 1);
	json_tokener_free(parser);
	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, "last", &last) ||
	    !json_object_is_type(last, json_type_object))
		goto out;
	for (uint32_t i = 0; i < beat->classes; i++) {
		beat->last[i] = 0;
		if (json_object_object_get_ex(last, beat->word[i], &n))
			beat->last[i] = json_object_get_uint64(n);
	}
	err = 0;
out:
	json_object_put(o);
	return err;
}
