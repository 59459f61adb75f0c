/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/checkpoint/bytes.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 64 << 10, TEXT_MOST = 65535 };

void pk_writer_fini(struct pk_writer *w)
{
	free(w->bytes);
	memset(w, 0, sizeof(*w));
}

static int grow(struct pk_writer *w, size_t need)
{
	size_t room = w->room ? w->room : ROOM_FIRST;
	uint8_t *bytes;

	while (room < need)
		room *= 2;
	bytes = realloc(w->bytes, room);
	if (!bytes)
		return -ENOMEM;
	w->bytes = bytes;
	w->room = room;
	return 0;
}

uint8_t *pk_put_room(struct pk_writer *w, size_t n)
{
	uint8_t *at;

	if (!w->err && w->room - w->used < n)
		w->err = grow(w, w->used + n);
	if (w->err)
		return NULL;
	at = w->bytes + w->used;
	w->used += n;
	return at;
}

void pk_put_bytes(struct pk_writer *w, const void *from, size_t n)
{
	uint8_t *at = pk_put_room(w, n);

	if (at && n)
		memcpy(at, from, n);
}

void pk_put_u8(struct pk_writer *w, uint8_t n)
{
	pk_put_bytes(w, &n, sizeof(n));
}

void pk_put_u16(struct pk_writer *w, uint16_t n)
{
	n = htole16(n);
	pk_put_bytes(w, &n, sizeof(n));
}

void pk_put_u32(struct pk_writer *w, uint32_t n)
{
	n = htole32(n);
	pk_put_bytes(w, &n, sizeof(n));
}

void pk_put_u64(struct pk_writer *w, uint64_t n)
{
	n = htole64(n);
	pk_put_bytes(w, &n, sizeof(n));
}

void pk_put_text(struct pk_writer *w, const char *text)
{
	size_t n = strnlen(text, TEXT_MOST);

	pk_put_u16(w, (uint16_t)n);
	pk_put_bytes(w, text, n);
}

const uint8_t *pk_get_room(struct pk_reader *r, size_t n)
{
	const uint8_t *at = r->bytes;

	if (r->err || r->left < n) {
		r->err = -EBADMSG;
		return NULL;
	}
	r->bytes += n;
	r->left -= n;
	return at;
}

void pk_get_bytes(struct pk_reader *r, void *to, size_t n)
{
	const uint8_t *at = pk_get_room(r, n);

	if (at && n)
		memcpy(to, at, n);
	else
		memset(to, 0, n);
}

uint8_t pk_get_u8(struct pk_reader *r)
{
	uint8_t n;

	pk_get_bytes(r, &n, sizeof(n));
	return n;
}

uint16_t pk_get_u16(struct pk_reader *r)
{
	uint16_t n;

	pk_get_bytes(r, &n, sizeof(n));
	return le16toh(n);
}

uint32_t pk_get_u32(struct pk_reader *r)
{
	uint32_t n;

	pk_get_bytes(r, &n, sizeof(n));
	return le32toh(n);
}

uint64_t pk_get_u64(struct pk_reader *r)
{
	uint64_t n;

	pk_get_bytes(r, &n, sizeof(n));
	return le64toh(n);
}

void pk_get_text(struct pk_reader *r, char *to, size_t size)
{
	size_t n = pk_get_u16(r);

	*to = 0;
	if (n >= size) {
		r->err = -EBADMSG;
		return;
	}
	pk_get_bytes(r, to, n);
	to[r->err ? 0 : n] = 0;
}
