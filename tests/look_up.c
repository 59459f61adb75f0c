/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look_up FEED FORMAT: is each value of standard input found in the feed's image?
 *
 * Lines "TYPE<TAB>VALUE" in, 1 or 0 a line out. The way is the sensor's: feed,
 * store, builder, published image, look-up of the key, comparison with the
 * store. For the types that no decoder sees yet; tests/feeds.py asks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/replay/replay_ioc.h"
#include "ioc/image/builder.h"
#include "ioc/image/images.h"
#include "ioc/image/lookup.h"
#include "ioc/store/store.h"

static int found(const struct pk_store *store, const struct pk_view *v,
		 char *line)
{
	uint8_t small[PK_SMALL_VALUE];
	const uint8_t *bytes;
	struct pk_indicator ind;
	char *tab = strchr(line, '\t');
	uint32_t slot;
	unsigned len;
	int type;

	if (!tab)
		return 0;
	*tab++ = 0;
	pk_indicator_init(&ind);
	type = pk_indicator_type_find(line);
	len = (unsigned)pk_refang(tab, strlen(tab), &(unsigned){ 0 });
	if (type < 0 || pk_indicator_parse_as(&ind, type, tab, len, NULL))
		return 0;
	len = pk_indicator_bytes(&ind, small, &bytes);
	slot = pk_view_value(
		v, pk_value_hash(pk_store_seed(store), ind.type, bytes, len));
	return slot && pk_store_is_value(store, slot, &ind);
}

int main(int argc, char **argv)
{
	static char line[8192];
	struct pk_images_conf conf = { .seed = 4711 };
	struct pk_images *images;
	static struct pk_replay_ioc ioc = { .files = 1, .refang = 1 };
	struct pk_block base;
	struct pk_view v;

	ioc.file[0] =
		(struct pk_replay_file){ argv[1], argc > 2 ? argv[2] : "" };
	if (argc != 3 || pk_replay_ioc_load(&ioc, conf.seed) ||
	    pk_builder_base(ioc.store, &base) ||
	    pk_images_new(&images, &conf) ||
	    pk_images_publish_base(images, &base)) {
		fprintf(stderr, "usage: look_up FEED FORMAT <values\n");
		return 2;
	}
	pk_images_view(images, &v);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		printf("%d\n", found(ioc.store, &v, line));
	}
	pk_images_free(images);
	pk_block_free(&base);
	pk_replay_ioc_fini(&ioc);
	return 0;
}
