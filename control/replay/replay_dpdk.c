/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dpdk plane in replay: picket-dpdk on net_pcap, over the ordinary uplink.
 * The frames are written to one capture file a worker, in a directory that is
 * removed at the end; net_pcap gives each queue its file.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/flow.h"
#include "control/replay/replay.h"

enum { RING_BYTES = 1 << 22, TEXT = 4096, HELLO_MS = 30000 };

struct shard {
	char path[64];
	FILE *file;
	uint64_t frames;
};

struct state {
	struct pk_downlink *down;
	struct pk_plane_stats *stats;
	int stats_fd;
	pid_t child;
	char dir[40];
	struct shard shard[PK_WORKERS_MAX];
};

/* --- one capture file a worker (pcap, microseconds, Ethernet) -------------- */

static int open_shards(struct state *s, uint32_t workers)
{
	static const uint32_t head[6] = { 0xa1b2c3d4, 0x00040002,	   0,
					  0,	      PK_REPLAY_FRAME_MAX, 1 };

	strcpy(s->dir, "/tmp/picket-replay-XXXXXX");
	if (!mkdtemp(s->dir) || chmod(s->dir, 0755)) {
		s->dir[0] = 0;
		return -errno;
	}
	for (uint32_t i = 0; i < workers; i++) {
		struct shard *h = &s->shard[i];

		snprintf(h->path, sizeof(h->path), "%s/%u.pcap", s->dir, i);
		h->file = fopen(h->path, "wb");
		if (!h->file || fwrite(head, sizeof(head), 1, h->file) != 1)
			return -errno;
	}
	return 0;
}

static int write_frame(struct shard *h, const struct pk_replay_frame *f)
{
	uint32_t head[4] = { (uint32_t)(f->time_ns / 1000000000),
			     (uint32_t)(f->time_ns % 1000000000 / 1000), f->len,
			     f->len };

	if (fwrite(head, sizeof(head), 1, h->file) != 1 ||
	    fwrite(f->data, f->len, 1, h->file) != 1)
		return -EIO;
	h->frames++;
	return 0;
}

static int write_batch(struct pk_replay *r, struct state *s,
		       const struct pk_replay_batch *b)
{
	for (uint32_t k = 0; k < b->count; k++) {
		uint32_t i = (b->frame[k].number - 1) % r->workers;
		int err = write_frame(&s->shard[i], &b->frame[k]);

		if (err)
			return err;
	}
	return 0;
}

static int write_shards(struct pk_replay *r, struct state *s)
{
	struct pk_replay_batch *b;
	int err = pk_replay_batch_new(&b), got;

	while (!err && (got = pk_replay_input_next(r->input, b))) {
		if (got < 0) {
			r->broken = 1;
			pk_replay_say(r, got, "%s",
				      pk_replay_input_error(r->input));
		}
		err = write_batch(r, s, b);
	}
	if (!err)
		pk_replay_batch_free(b);
	for (uint32_t i = 0; i < r->workers; i++)
		if (s->shard[i].file && fclose(s->shard[i].file))
			err = -EIO;
	return err;
}

/* --- the process ------------------------------------------------------------ */

static void program_path(char *path, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	snprintf(path, size, "%s/picket-dpdk", dirname(self));
}

static void device_text(const struct pk_replay *r, const struct state *s,
			char *vdev, char *frames)
{
	int v = snprintf(vdev, TEXT, "net_pcap0"), f = 0;

	for (uint32_t i = 0; i < r->workers; i++) {
		v += snprintf(vdev + v, (size_t)(TEXT - v), ",rx_pcap=%s",
			      s->shard[i].path);
		f += snprintf(frames + f, (size_t)(TEXT - f), "%s%llu",
			      i ? "," : "",
			      (unsigned long long)s->shard[i].frames);
	}
}

static void exec_plane(const struct pk_replay *r, const struct state *s, int fd)
{
	char path[PATH_MAX + 16], vdev[TEXT], frames[TEXT], workers[12];

	program_path(path, sizeof(path));
	device_text(r, s, vdev, frames);
	snprintf(workers, sizeof(workers), "%u", r->workers);
	if (fd == PK_UPLINK_FD)
		fcntl(fd, F_SETFD, 0);
	else if (dup2(fd, PK_UPLINK_FD) < 0)
		_exit(127);
	execl(path, "picket-dpdk", "--name", "replay", "--vdev", vdev,
	      "--workers", workers, "--no-huge", "--frames", frames, NULL);
	fprintf(stderr, "cannot run %s: %s\n", path, strerror(errno));
	_exit(127);
}

static int spawn(struct pk_replay *r, struct state *s)
{
	int fd = -1, err = pk_downlink_new(&s->down, &fd);

	if (err)
		return err;
	s->child = fork();
	if (s->child < 0)
		err = -errno;
	if (s->child == 0)
		exec_plane(r, s, fd);
	close(fd);
	return err;
}

static int poll_link(struct pk_replay *r, struct state *s)
{
	struct pk_downlink_conf conf = {
		.conf = r->uplink,
		.ring_bytes = RING_BYTES,
		.stats_fd = s->stats_fd,
		.images_fd = pk_images_fd(r->images),
		.hits_fd = pk_images_hits_fd(r->images),
	};

	return pk_downlink_poll(s->down, &conf);
}

/* Wait for READY: the rings exist, packets flow. */
static int greet(struct pk_replay *r, struct state *s)
{
	for (int ms = 0; ms < HELLO_MS; ms++) {
		int got = poll_link(r, s);

		if (got < 0)
			return pk_replay_say(r, got, "picket-dpdk: %s",
					     s->down->said[0]
						     ? s->down->said
						     : "it ended at once");
		if (s->down->ready)
			return 0;
		if (!got)
			usleep(1000);
	}
	return pk_replay_say(r, -ETIMEDOUT, "picket-dpdk does not answer");
}

static void remove_shards(struct state *s, uint32_t workers)
{
	if (!s->dir[0])
		return;
	for (uint32_t i = 0; i < workers; i++)
		unlink(s->shard[i].path);
	rmdir(s->dir);
}

static void end_child(struct state *s)
{
	if (s->child <= 0)
		return;
	kill(s->child, SIGKILL);
	waitpid(s->child, NULL, 0);
	s->child = 0;
}

static void free_state(struct pk_replay *r, void *arg)
{
	struct state *s = arg;

	end_child(s);
	r->ring = NULL;
	pk_downlink_free(s->down);
	pk_stats_free(s->stats);
	if (s->stats_fd >= 0)
		close(s->stats_fd);
	remove_shards(s, r->workers);
	free(s);
}

static int start(struct pk_replay *r, void **out)
{
	struct state *s = calloc(1, sizeof(*s));
	int err = s ? 0 : -ENOMEM;

	if (err)
		return err;
	s->stats_fd = -1;
	err = pk_stats_new(&s->stats, &s->stats_fd);
	if (!err)
		err = open_shards(s, r->workers);
	if (!err)
		err = write_shards(r, s);
	if (!err)
		err = spawn(r, s);
	if (!err)
		err = greet(r, s);
	if (err) {
		free_state(r, s);
		return pk_replay_say(r, err, "cannot start the dpdk plane: %s",
				     strerror(-err));
	}
	r->ring = s->down->ring[0];
	*out = s;
	return 0;
}

static int failed(void *arg)
{
	struct state *s = arg;
	int status;

	if (s->child <= 0 || waitpid(s->child, &status, WNOHANG) != s->child)
		return 0;
	s->child = 0;
	return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int wait_end(struct pk_replay *r, void *arg)
{
	struct state *s = arg;
	int status = 0;

	pk_downlink_stop(s->down);
	while (poll_link(r, s) > 0)
		;
	if (s->child > 0)
		waitpid(s->child, &status, 0);
	s->child = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return pk_replay_say(r, -EIO, "picket-dpdk failed: %s", s->down->said);
}

static void audit(struct pk_replay *r, void *arg, struct pk_audit_plane *out)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < r->workers; i++) {
		r->stats->worker[i] = s->stats->worker[i];
		pk_audit_add_worker(&out->workers,
				    &s->stats->worker[i].counters);
	}
	out->stage = s->stats->stage;
	out->plane = PK_PLANE_DPDK;
}

const struct pk_replay_plane pk_replay_dpdk = {
	"dpdk", start, failed, wait_end, audit, free_state,
};
