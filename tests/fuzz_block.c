/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an image block, once as base and once as delta. The check may
 * say what it likes; look-ups must stay inside even with tables that lead out,
 * as long as the head does not claim more lines than there are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/match.h"
#include "ioc/image/block.h"
#include "ioc/image/lookup.h"
#include "ioc/name.h"

static void look(const struct pk_view *v, const uint8_t *data, size_t size)
{
	static const uint8_t name[] = "\1x\4evil\7example";
	union pk_addr addr = { { 0 } };

	for (size_t at = 0; at + 16 <= size; at += 16) {
		memcpy(&addr, data + at, 16);
		pk_view_match(v, &addr, (uint16_t)at);
		addr.q[0] = 0;
		addr.w[2] = 0;
		addr.b[10] = addr.b[11] = 0xff;
		pk_view_match(v, &addr, (uint16_t)at);
		pk_view_name(v, addr.q[1], addr.q[0]);
		pk_view_value(v, addr.q[1]);
	}
	pk_name_find(v, name, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t count = (uint32_t)(size / sizeof(struct pk_line));
	struct pk_line *lines;
	struct pk_build_report report;
	struct pk_image_head head;
	struct pk_view v;
	int sound;

	if (count < PK_HEAD_LINES)
		return pk_block_check(NULL, 0) == 0;
	lines = aligned_alloc(64, count * sizeof(*lines));
	if (!lines)
		return 0;
	memcpy(lines, data, count * sizeof(*lines));
	memcpy(&head, lines, sizeof(head));
	sound = !pk_block_check(lines, count);
	if (sound && head.lines > count)
		abort();
	if (sound)
		pk_block_report(lines, &report);
	if (head.lines > count)
		head.lines = count;
	v = (struct pk_view){ lines, lines, &head, &head, 1 };
	look(&v, data, size);
	free(lines);
	return 0;
}
