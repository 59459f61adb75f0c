/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "ioc/store/store_inside.h"

static bool is_good_name(const char *name)
{
	size_t len = strnlen(name, PK_FEED_NAME_MAX + 1);

	if (!len || len > PK_FEED_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	return true;
}

int pk_store_feed_find(const struct pk_store *s, const char *name)
{
	for (uint32_t i = 0; i < s->n.feeds; i++)
		if (!strcmp(s->feed[i].name, name))
			return (int)i;
	return -ENOENT;
}

int pk_store_feed(struct pk_store *s, const char *name)
{
	int number;

	if (!is_good_name(name))
		return -EINVAL;
	number = pk_store_feed_find(s, name);
	if (number >= 0)
		return number;
	if (s->n.feeds >= PK_FEEDS_MAX ||
	    pk_room_open(&s->feed_room, (s->n.feeds + 1) * sizeof(*s->feed)))
		return -ENOSPC;
	number = (int)s->n.feeds++;
	s->feed_room.used = s->n.feeds * sizeof(*s->feed);
	s->feed[number] = (struct pk_feed_info){ .ttl_sec = 0 };
	strcpy(s->feed[number].name, name);
	return number;
}

unsigned pk_store_feed_count(const struct pk_store *s)
{
	return s->n.feeds;
}

const struct pk_feed_info *pk_store_feed_info(const struct pk_store *s,
					      uint16_t feed)
{
	return feed < s->n.feeds ? &s->feed[feed] : NULL;
}

int pk_store_feed_set(struct pk_store *s, uint16_t feed,
		      const struct pk_feed_info *info)
{
	char name[PK_FEED_NAME_MAX + 1];

	if (feed >= s->n.feeds)
		return -ENOENT;
	memcpy(name, s->feed[feed].name, sizeof(name));
	s->feed[feed] = *info;
	memcpy(s->feed[feed].name, name, sizeof(name));
	return 0;
}

uint32_t pk_store_feed_items(const struct pk_store *s, uint16_t feed)
{
	return feed < PK_FEEDS_MAX ? s->n.feed_items[feed] : 0;
}
