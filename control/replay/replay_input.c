/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"
#include "control/replay/replay.h"

enum { BATCH_BYTES = 4 << 20, ERROR_BYTES = 600 };

struct pk_replay_input {
	char *const *files;
	uint32_t count;
	uint32_t next; /* file to open */
	struct pk_capture *capture;
	struct pk_frame held; /* did not belong to the last batch */
	int has_held;
	uint64_t clock_ns;
	struct pk_replay_counts counts;
	char error[ERROR_BYTES];
};

int pk_replay_batch_new(struct pk_replay_batch **out)
{
	struct pk_replay_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->bytes = malloc(BATCH_BYTES);
	if (!b->bytes) {
		free(b);
		return -ENOMEM;
	}
	*out = b;
	return 0;
}

void pk_replay_batch_free(struct pk_replay_batch *b)
{
	if (!b)
		return;
	free(b->bytes);
	free(b);
}

int pk_replay_input_new(struct pk_replay_input **out, char *const *files,
			uint32_t count)
{
	struct pk_replay_input *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	in->files = files;
	in->count = count;
	*out = in;
	return 0;
}

void pk_replay_input_free(struct pk_replay_input *in)
{
	if (!in)
		return;
	pk_capture_close(in->capture);
	free(in);
}

const char *pk_replay_input_error(const struct pk_replay_input *in)
{
	return in->error;
}

const struct pk_replay_counts *pk_replay_input_counts(
	const struct pk_replay_input *in)
{
	return &in->counts;
}

static int is_replayable(const struct pk_frame *f)
{
	return f->link == PK_LINK_OK && f->len >= PK_REPLAY_FRAME_MIN &&
	       f->len <= PK_REPLAY_FRAME_MAX;
}

/* The next frame that a plane can take, into in->held. 1, 0 or -errno. */
static int read_frame(struct pk_replay_input *in)
{
	for (;;) {
		int got = pk_capture_next(in->capture, &in->held);

		if (got <= 0) {
			if (got < 0)
				strncpy(in->error,
					pk_capture_error(in->capture),
					ERROR_BYTES - 1);
			pk_capture_close(in->capture);
			in->capture = NULL;
			return got;
		}
		if (is_replayable(&in->held))
			break;
		in->counts.unreplayable++;
	}
	if (in->held.ts_ns < in->clock_ns)
		in->counts.backwards++;
	else
		in->clock_ns = in->held.ts_ns;
	in->has_held = 1;
	return 1;
}

/* 1 a frame is held, 0 the end of all files, -errno. */
static int hold_frame(struct pk_replay_input *in)
{
	int got = 0;

	while (!in->has_held && !got) {
		if (!in->capture) {
			if (in->next == in->count)
				return 0;
			got = pk_capture_open(&in->capture,
					      in->files[in->next++], in->error,
					      ERROR_BYTES);
			if (got)
				return got;
		}
		got = read_frame(in);
	}
	return got < 0 ? got : 1;
}

static void take_frame(struct pk_replay_input *in, struct pk_replay_batch *b)
{
	struct pk_replay_frame *f = &b->frame[b->count++];

	if (!in->counts.frames)
		in->counts.first_ns = in->clock_ns;
	f->len = in->held.len;
	f->time_ns = in->clock_ns;
	f->number = ++in->counts.frames;
	f->data = b->bytes + b->used;
	memcpy(b->bytes + b->used, in->held.data, f->len);
	b->used += (f->len + 63) & ~63UL;
	in->counts.bytes += f->len;
	in->has_held = 0;
}

static int has_room(const struct pk_replay_batch *b, uint32_t len)
{
	return b->count < PK_REPLAY_BATCH && b->used + len + 64 <= BATCH_BYTES;
}

int pk_replay_input_next(struct pk_replay_input *in, struct pk_replay_batch *b)
{
	int got;

	b->count = 0;
	b->used = 0;
	while ((got = hold_frame(in)) == 1) {
		uint32_t tick = pk_tick(in->clock_ns);

		if (b->count && (tick != b->tick || !has_room(b, in->held.len)))
			return 1;
		b->tick = tick;
		take_frame(in, b);
	}
	if (got < 0) /* what came before the damage goes first */
		return got;
	return b->count ? 1 : 0;
}
