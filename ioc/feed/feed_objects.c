/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "ioc/feed/json_scan.h"
#include "ioc/feed/feed_inside.h"

static void tell(struct pk_reader *r, const struct pk_json_item *item)
{
	if (r->kind->item)
		r->kind->item(r->state, r, item);
}

static void on_item(void *arg, const struct pk_json_item *item)
{
	struct pk_reader *r = arg;

	if (r->why_broken[0])
		return;
	r->line = item->line;
	r->record_column = item->column;
	switch (item->what) {
	case PK_JSON_IS_RECORD:
		pk_reader_begin(r);
		tell(r, item);
		pk_reader_settle(
			r, r->kind->record(r->state, r, item->text, item->len));
		break;
	case PK_JSON_TOO_LONG:
		tell(r, item);
		pk_reader_refused_record(r, PK_REFUSED_OBJECT_LONG, item->text,
					 item->len);
		break;
	case PK_JSON_MALFORMED:
		tell(r, item);
		pk_reader_refused_record(r, PK_REFUSED_JSON, item->text,
					 item->len);
		break;
	case PK_JSON_BROKEN:
		tell(r, item);
		pk_reader_break(r, "line %llu: column %u: %s",
				(unsigned long long)item->line, item->column,
				item->text);
		break;
	default:
		tell(r, item);
	}
}

int pk_objects_new(struct pk_json_scan **out, struct pk_reader *r)
{
	return pk_json_scan_new(out, r->kind->json, PK_FEED_OBJECT_MAX, on_item,
				r);
}

void pk_feed_cut_objects(struct pk_feed *f, bool end)
{
	struct pk_json_scan *scan = f->objects;

	pk_json_scan_push(scan, f->buffer, f->used);
	f->used = 0;
	if (end)
		pk_json_scan_finish(scan);
	f->r.stats.lines = pk_json_scan_lines(scan);
}
