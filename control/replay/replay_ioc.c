/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/replay/replay_ioc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ioc/feed/feed.h"
#include "ioc/feed/mapping.h"

enum { CHUNK = 1 << 16 };

int pk_replay_ioc_add(struct pk_replay_ioc *ioc, char *arg)
{
	char *comma = strrchr(arg, ',');

	if (ioc->files == PK_REPLAY_IOC_FILES) {
		fprintf(stderr, "picket-replay: more than %d --ioc\n",
			PK_REPLAY_IOC_FILES);
		return -E2BIG;
	}
	if (comma)
		*comma = 0;
	ioc->file[ioc->files].path = arg;
	ioc->file[ioc->files++].format = comma ? comma + 1 : "auto";
	return 0;
}

static int on_accept(void *arg, const struct pk_indicator *ind)
{
	struct pk_replay_ioc *ioc = arg;

	return pk_store_add(ioc->store, ind, NULL);
}

static void on_refuse(void *arg, const struct pk_refusal *refusal)
{
	struct pk_replay_ioc *ioc = arg;
	char text[512];

	ioc->refused++;
	pk_refusal_print(refusal, ioc->at, text, sizeof(text));
	fprintf(stderr, "picket-replay: %s\n", text);
}

static int read_file(struct pk_feed *feed, const char *path)
{
	static char chunk[CHUNK];
	FILE *f = fopen(path, "rb");
	size_t n;
	int err;

	if (!f)
		return -errno;
	while ((n = fread(chunk, 1, sizeof(chunk), f)))
		pk_feed_push(feed, chunk, n);
	err = ferror(f) ? -EIO : 0;
	fclose(f);
	pk_feed_finish(feed);
	return err;
}

/* A mapping of one's own, from a file. */
static int read_mapping(const char *path, struct pk_mapping **out)
{
	static char text[PK_MAPPING_TEXT_MAX];
	char why[PK_MAPPING_WHY_MAX];
	FILE *f = fopen(path, "rb");
	size_t n;
	int err;

	if (!f) {
		fprintf(stderr,
			"picket-replay: no feed format, mapping or mapping "
			"file is called \"%s\"\n",
			path);
		return -EINVAL;
	}
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	err = pk_mapping_parse(out, path, text, n, why);
	if (err)
		fprintf(stderr, "picket-replay: %s\n", why);
	return err;
}

/* @own is a mapping that was made for this, to be freed, or NULL. */
static int set_format(struct pk_feed_options *options, const char *word,
		      struct pk_mapping **own)
{
	int format = pk_feed_format_find(word), err;

	if (format >= 0) {
		options->format = (enum pk_feed_format)format;
		return 0;
	}
	options->mapping = pk_mapping_find(word);
	if (!options->mapping) {
		err = read_mapping(word, own);
		if (err)
			return err;
		options->mapping = *own;
	}
	options->format = pk_mapping_kind(options->mapping) == PK_MAPPING_JSON
				  ? PK_FEED_JSON
				  : PK_FEED_TABLE;
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int fail(const struct pk_replay_file *file, int err)
{
	fprintf(stderr, "picket-replay: cannot read %s: %s\n", file->path,
		strerror(-err));
	return err;
}

static int take_file(struct pk_replay_ioc *ioc,
		     const struct pk_replay_file *file,
		     const struct pk_feed_options *options)
{
	struct pk_feed_sink sink = { .accept = on_accept,
				     .refuse = on_refuse,
				     .arg = ioc };
	struct pk_feed *feed;
	int number, err;

	ioc->at = base_name(file->path);
	number = pk_store_feed(ioc->store, ioc->at);
	if (number < 0)
		return fail(file, number);
	err = pk_feed_open(&feed, options, (uint16_t)number, &sink);
	if (err)
		return fail(file, err);
	err = read_file(feed, file->path);
	if (err)
		fail(file, err);
	else if (*pk_feed_broken(feed))
		fprintf(stderr, "picket-replay: feed %s: %s\n", ioc->at,
			pk_feed_broken(feed));
	pk_feed_close(feed);
	return err;
}

static int load_file(struct pk_replay_ioc *ioc,
		     const struct pk_replay_file *file)
{
	struct pk_feed_options options;
	struct pk_mapping *own = NULL;
	int err;

	pk_feed_options_init(&options);
	options.refang = ioc->refang;
	err = set_format(&options, file->format, &own);
	if (!err)
		err = take_file(ioc, file, &options);
	pk_mapping_free(own);
	return err;
}

int pk_replay_ioc_load(struct pk_replay_ioc *ioc, uint64_t seed)
{
	int err = pk_store_new(&ioc->store, seed);

	for (uint32_t i = 0; !err && i < ioc->files; i++)
		err = load_file(ioc, &ioc->file[i]);
	return err;
}

void pk_replay_ioc_fini(struct pk_replay_ioc *ioc)
{
	pk_store_free(ioc->store);
	ioc->store = NULL;
}
