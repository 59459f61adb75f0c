/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a feed. The first byte chooses format and piece size; the
 * ledger must close, cutting must not matter, and what is accepted must be
 * stored and found again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed.h"
#include "ioc/store.h"

static int accept(void *arg, const struct pk_indicator *ind)
{
	struct pk_indicator back;
	char text[PK_VALUE_TEXT_MAX];
	uint32_t slot = 0;
	int err = pk_store_add(arg, ind, &slot);

	if (!slot || pk_store_find(arg, ind) != slot ||
	    pk_store_get(arg, slot, &back))
		abort();
	pk_indicator_print(&back, text);
	if (pk_store_find_text(arg, text) != slot)
		abort();
	return err;
}

static void refuse(void *arg, const struct pk_refusal *refusal)
{
	char sentence[512];

	(void)arg;
	pk_refusal_print(refusal, "fuzz", sentence, sizeof(sentence));
}

static struct pk_feed_stats read_feed(const uint8_t *data, size_t size,
				      const char *format, size_t piece)
{
	struct pk_feed_stats st;
	struct pk_store *store;
	struct pk_feed *f;

	if (pk_store_new(&store, 1))
		abort();
	if (pk_feed_open(&f, format, 0,
			 &(struct pk_feed_sink){ accept, refuse, store }))
		abort();
	for (size_t at = 0; at < size; at += piece)
		pk_feed_push(f, data + at,
			     size - at < piece ? size - at : piece);
	pk_feed_finish(f);
	st = *pk_feed_stats(f);
	pk_feed_close(f);
	pk_store_free(store);
	if (st.lines != st.blank + st.comments + st.accepted + st.duplicates +
				pk_feed_refused(&st))
		abort();
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const formats[] = { "sdn", "lines", "auto" };
	struct pk_feed_stats whole, cut;
	const char *format;

	if (!size)
		return 0;
	format = formats[data[0] % 3];
	whole = read_feed(data + 1, size - 1, format, size);
	cut = read_feed(data + 1, size - 1, format, 1 + data[0] / 3U);
	if (memcmp(&whole, &cut, sizeof(whole)) != 0)
		abort();
	return 0;
}
