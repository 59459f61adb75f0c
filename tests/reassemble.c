/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reassemble FILE: the datagrams that the fragments of a capture make, a line
 * each: number of the packet that completed it, its payload in hexadecimal
 * (what was cut into fragments). tests/fragments.sh compares with tshark.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bpf/parse.h"
#include "dataplane/file/capture.h"
#include "dataplane/inspect/fragments.h"

static void print(void *arg, const struct pk_datagram *d)
{
	const uint8_t *ip = d->frame + 14;
	uint32_t at = 14 + (uint32_t)(ip[0] & 15) * 4;

	(void)arg;
	if (d->part != PK_DATAGRAM_WHOLE)
		return;
	if (pk_fragment_is_ip6(d->last))
		at = 14 + d->last->head_len - 8U;
	printf("%llu\t", (unsigned long long)d->last->frame);
	for (; at < d->len; at++)
		printf("%02x", d->frame[at]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	static struct pk_stage_counters count;
	struct pk_fragments_conf conf;
	struct pk_fragments *f;
	struct pk_capture *c;
	struct pk_frame frame;
	char err[400];
	int more;

	pk_fragments_conf_default(&conf);
	if (argc != 2 || pk_capture_open(&c, argv[1], err, sizeof(err)) ||
	    pk_fragments_new(&f, &conf, &count)) {
		fprintf(stderr, "usage: reassemble FILE\n");
		return 2;
	}
	pk_fragments_on_emit(f, print, NULL);
	while ((more = pk_capture_next(c, &frame)) > 0) {
		struct pk_decode d;
		struct pk_fragment g;

		if (!frame.data)
			continue;
		pk_parse(frame.data, frame.data + frame.len, frame.wire_len,
			 &d);
		if (!(d.packet.layers & PK_IS_FRAGMENT) ||
		    pk_fragment_read(&g, frame.data, frame.len,
				     frame.wire_len) != PK_FRAGMENT_OK)
			continue;
		g.time_ns = frame.ts_ns;
		g.frame = frame.number;
		pk_fragments_add(f, &g);
	}
	pk_fragments_free(f);
	pk_capture_close(c);
	return more ? 1 : 0;
}
