/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include <zlib.h>

#include "ioc/feed/feed_inside.h"

enum {
	GZIP_ONLY = 15 + 16, /* windowBits: the largest window, gzip header */
	OUT_SIZE = 32768,
};

struct pk_gunzip {
	z_stream z;
	bool inside; /* in a member */
	bool padded; /* zero bytes came behind a member: nothing else may */
	char out[OUT_SIZE];
};

int pk_gunzip_new(struct pk_gunzip **out)
{
	struct pk_gunzip *g = calloc(1, sizeof(*g));

	if (!g || inflateInit2(&g->z, GZIP_ONLY) != Z_OK) {
		free(g);
		return -ENOMEM;
	}
	*out = g;
	return 0;
}

void pk_gunzip_free(struct pk_gunzip *g)
{
	if (!g)
		return;
	inflateEnd(&g->z);
	free(g);
}

/* Between members: zero bytes pad, anything else begins one. */
static int begin_member(struct pk_gunzip *g)
{
	if (!*g->z.next_in) {
		g->padded = true;
		g->z.next_in++;
		g->z.avail_in--;
		return 0;
	}
	if (g->padded || *g->z.next_in != 0x1f || inflateReset(&g->z) != Z_OK)
		return -EBADMSG;
	g->inside = true;
	return 0;
}

static int inflate_some(struct pk_gunzip *g, pk_gunzip_fn *fn, void *arg)
{
	size_t n;
	int err;

	g->z.next_out = (Bytef *)g->out;
	g->z.avail_out = OUT_SIZE;
	err = inflate(&g->z, Z_NO_FLUSH);
	n = OUT_SIZE - g->z.avail_out;
	if (n)
		fn(arg, g->out, n);
	if (err == Z_STREAM_END)
		g->inside = false;
	else if (err != Z_OK)
		return -EBADMSG;
	return 0;
}

int pk_gunzip_push(struct pk_gunzip *g, const uint8_t *bytes, size_t len,
		   pk_gunzip_fn *fn, void *arg)
{
	int err = 0;

	g->z.next_in = (Bytef *)bytes;
	g->z.avail_in = (uInt)len;
	/* What is left in it without input comes out with the checksum. */
	while (!err && g->z.avail_in)
		err = g->inside ? inflate_some(g, fn, arg) : begin_member(g);
	return err;
}

bool pk_gunzip_complete(const struct pk_gunzip *g)
{
	return !g->inside;
}
