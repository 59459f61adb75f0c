/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/xdp/object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/outer.h"
#include "bpf/picket.skel.h"
#include "dataplane/xdp/object_private.h"

static const char *const map_names[] = {
#define MAP_NAME(name) #name,
	PK_XDP_MAPS(MAP_NAME)
};

int pk_xdp_say(char *why, size_t size, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (size)
		vsnprintf(why, size, format, ap);
	va_end(ap);
	return err;
}

void pk_xdp_conf_default(struct pk_xdp_conf *conf)
{
	*conf = (struct pk_xdp_conf){
		.base_lines = 1 << 15,
		.delta_lines = 1 << 15,
		.slots = 1 << 22,
		.alert_bytes = 1 << 18,
		.event_bytes = 1 << 22,
	};
}

/* --- the object in memory ------------------------------------------------ */

static struct pk_xdp *alloc_object(void)
{
	int cpus = libbpf_num_possible_cpus();
	struct pk_xdp *x;

	if (cpus < 1)
		return NULL;
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->cpus = (uint32_t)cpus;
	for (int i = 0; i < PK_XDP_MAP_COUNT; i++)
		x->fd[i] = -1;
	for (int i = 0; i < PK_IMAGE_SLOTS; i++)
		x->slot[i] = -1;
	x->alert = malloc((size_t)cpus * sizeof(int));
	x->event = malloc((size_t)cpus * sizeof(int));
	if (!x->alert || !x->event) {
		free(x->alert);
		free(x->event);
		free(x);
		return NULL;
	}
	memset(x->alert, 0xff, (size_t)cpus * sizeof(int));
	memset(x->event, 0xff, (size_t)cpus * sizeof(int));
	return x;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void pk_xdp_free(struct pk_xdp *x)
{
	if (!x)
		return;
	for (int i = 0; i < PK_XDP_MAP_COUNT; i++)
		close_fd(&x->fd[i]);
	for (int i = 0; i < PK_IMAGE_SLOTS; i++)
		close_fd(&x->slot[i]);
	for (uint32_t i = 0; i < x->cpus; i++) {
		close_fd(&x->alert[i]);
		close_fd(&x->event[i]);
	}
	free(x->alert);
	free(x->event);
	free(x);
}

uint32_t pk_xdp_cpus(const struct pk_xdp *x)
{
	return x->cpus;
}

int pk_xdp_fd(const struct pk_xdp *x, enum pk_xdp_map map)
{
	return x->fd[map];
}

int pk_xdp_slot_fd(const struct pk_xdp *x, uint32_t i)
{
	return i < PK_IMAGE_SLOTS ? x->slot[i] : -1;
}

int pk_xdp_alert_fd(const struct pk_xdp *x, uint32_t cpu)
{
	return cpu < x->cpus ? x->alert[cpu] : -1;
}

int pk_xdp_event_fd(const struct pk_xdp *x, uint32_t cpu)
{
	return cpu < x->cpus ? x->event[cpu] : -1;
}

/* --- create -------------------------------------------------------------- */

static struct bpf_map *skeleton_map(struct picket *skel, int i)
{
	return bpf_object__find_map_by_name(skel->obj, map_names[i]);
}

struct picket *pk_xdp_open_skeleton(const struct pk_xdp *x)
{
	struct picket *skel = picket__open();
	struct bpf_program *prog;

	if (!skel)
		return NULL;
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, false);
	bpf_map__set_max_entries(skel->maps.hits, x->conf.slots);
	bpf_map__set_max_entries(skel->maps.counters, x->cpus);
	bpf_map__set_max_entries(skel->maps.lines, x->cpus * PK_FLOW_LINES);
	bpf_map__set_max_entries(skel->maps.cpus, x->cpus);
	bpf_map__set_max_entries(skel->maps.outers, x->cpus * PK_OUTER_TAGS);
	bpf_map__set_max_entries(skel->maps.timers, x->cpus);
	bpf_map__set_max_entries(skel->maps.alerts, x->cpus);
	bpf_map__set_max_entries(skel->maps.events, x->cpus);
	return skel;
}

int pk_xdp_reuse_maps(struct pk_xdp *x, struct picket *skel)
{
	for (int i = 0; i < PK_XDP_MAP_COUNT; i++) {
		int err = bpf_map__reuse_fd(skeleton_map(skel, i), x->fd[i]);

		if (err)
			return err;
	}
	return 0;
}

static int create_outer(struct pk_xdp *x)
{
	struct picket *skel = pk_xdp_open_skeleton(x);
	int err;

	if (!skel)
		return -errno;
	err = picket__load(skel);
	for (int i = 0; !err && i < PK_XDP_MAP_COUNT; i++) {
		int fd = bpf_map__fd(skeleton_map(skel, i));

		x->fd[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (x->fd[i] < 0)
			err = -errno;
	}
	picket__destroy(skel);
	return err;
}

static int create_slot(const struct pk_xdp *x, uint32_t i, uint32_t lines)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pk_slot", 4,
				sizeof(struct pk_line), lines, &opts);

	if (fd < 0)
		return fd;
	if (bpf_map_update_elem(x->fd[PK_XDP_MAP_images], &i, &fd, BPF_ANY)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int create_ring(int outer, uint32_t cpu, uint32_t bytes)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "pk_ring", 0, 0, bytes,
				NULL);

	if (fd < 0)
		return fd;
	if (bpf_map_update_elem(outer, &cpu, &fd, BPF_ANY)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int create_inner(struct pk_xdp *x)
{
	for (uint32_t i = 0; i < PK_IMAGE_SLOTS; i++) {
		x->slot[i] =
			create_slot(x, i,
				    i < PK_IMAGE_BASES ? x->conf.base_lines
						       : x->conf.delta_lines);
		if (x->slot[i] < 0)
			return x->slot[i];
	}
	for (uint32_t cpu = 0; cpu < x->cpus; cpu++) {
		x->alert[cpu] = create_ring(x->fd[PK_XDP_MAP_alerts], cpu,
					    x->conf.alert_bytes);
		if (x->alert[cpu] < 0)
			return x->alert[cpu];
		x->event[cpu] = create_ring(x->fd[PK_XDP_MAP_events], cpu,
					    x->conf.event_bytes);
		if (x->event[cpu] < 0)
			return x->event[cpu];
	}
	return 0;
}

static int write_version(struct pk_xdp *x)
{
	struct pk_control control = { .abi = PK_ABI_VERSION,
				      .flow_seed = x->conf.seed };
	uint32_t zero = 0;

	if (bpf_map_update_elem(x->fd[PK_XDP_MAP_control], &zero, &control,
				BPF_ANY))
		return -errno;
	return 0;
}

int pk_xdp_new(struct pk_xdp **out, const struct pk_xdp_conf *conf, char *why,
	       size_t size)
{
	struct pk_xdp *x = alloc_object();
	int err;

	if (!x)
		return pk_xdp_say(why, size, -ENOMEM, "out of memory");
	x->conf = *conf;
	err = create_outer(x);
	if (!err)
		err = create_inner(x);
	if (!err)
		err = write_version(x);
	if (!err) {
		*out = x;
		return 0;
	}
	pk_xdp_free(x);
	return pk_xdp_say(why, size, err, "cannot create the BPF maps: %s%s",
			  strerror(-err),
			  err == -EPERM ? " (CAP_BPF is needed)" : "");
}

int pk_xdp_grow(struct pk_xdp *x, uint32_t i, uint32_t lines, char *why,
		size_t size)
{
	int fd;

	if (i >= PK_IMAGE_SLOTS)
		return pk_xdp_say(why, size, -EINVAL, "no image slot %u", i);
	fd = create_slot(x, i, lines);
	if (fd < 0)
		return pk_xdp_say(why, size, fd,
				  "cannot create an image slot of %u lines: %s",
				  lines, strerror(-fd));
	close_fd(&x->slot[i]);
	x->slot[i] = fd;
	return 0;
}

/* --- pins ---------------------------------------------------------------- */

/* Every map with its pin's name, in one order for pin and adopt. */
static int *nth_map(struct pk_xdp *x, uint32_t n, char *name, size_t size)
{
	if (n < PK_XDP_MAP_COUNT) {
		snprintf(name, size, "%s", map_names[n]);
		return &x->fd[n];
	}
	n -= PK_XDP_MAP_COUNT;
	if (n < PK_IMAGE_SLOTS) {
		snprintf(name, size, "slot%u", n);
		return &x->slot[n];
	}
	n -= PK_IMAGE_SLOTS;
	if (n < x->cpus) {
		snprintf(name, size, "alert%u", n);
		return &x->alert[n];
	}
	n -= x->cpus;
	if (n < x->cpus) {
		snprintf(name, size, "event%u", n);
		return &x->event[n];
	}
	return NULL;
}

static int make_dirs(const char *dir, char *why, size_t size)
{
	static const char *const parts[] = { "", "/maps", "/links" };
	char path[PK_XDP_PATH];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", dir, parts[i]);
		if (mkdir(path, 0700) && errno != EEXIST)
			return pk_xdp_say(
				why, size, -errno,
				"cannot make %s: %s; is bpffs mounted there (mount -t bpf bpf /sys/fs/bpf)?",
				path, strerror(errno));
	}
	return 0;
}

int pk_xdp_pin(struct pk_xdp *x, const char *dir, char *why, size_t size)
{
	char path[PK_XDP_PATH], name[32];
	int err = make_dirs(dir, why, size);
	int *fd;

	if (err)
		return err;
	for (uint32_t n = 0; (fd = nth_map(x, n, name, sizeof(name))); n++) {
		snprintf(path, sizeof(path), "%s/maps/%s", dir, name);
		unlink(path);
		if (bpf_obj_pin(*fd, path))
			return pk_xdp_say(
				why, size, -errno,
				"cannot pin %s: %s; is %s on a bpffs?", path,
				strerror(errno), dir);
	}
	return 0;
}

static const struct {
	int map;
	uint32_t value;
} expected[] = {
	{ PK_XDP_MAP_control, sizeof(struct pk_control) },
	{ PK_XDP_MAP_counters, sizeof(struct pk_plane_counters) },
	{ PK_XDP_MAP_lines, sizeof(struct pk_flow_line) },
};

static int check_layout(struct pk_xdp *x, const char *dir, char *why,
			size_t size)
{
	struct pk_control control;
	uint32_t zero = 0;

	for (unsigned i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		struct bpf_map_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(x->fd[expected[i].map], &info, &len))
			return -errno;
		if (info.value_size != expected[i].value)
			return pk_xdp_say(
				why, size, -EPROTO,
				"pinned map %s/maps/%s has value_size %u, need %u: it is another version's; detach there or remove %s",
				dir, map_names[expected[i].map],
				info.value_size, expected[i].value, dir);
	}
	if (bpf_map_lookup_elem(x->fd[PK_XDP_MAP_control], &zero, &control))
		return -errno;
	if (control.abi != PK_ABI_VERSION)
		return pk_xdp_say(
			why, size, -EPROTO,
			"the maps below %s have ABI version %llu, need %d; detach there or remove them",
			dir, (unsigned long long)control.abi, PK_ABI_VERSION);
	return 0;
}

static int read_conf(struct pk_xdp *x)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), zero = 0;
	struct pk_control control;

	pk_xdp_conf_default(&x->conf);
	if (bpf_obj_get_info_by_fd(x->fd[PK_XDP_MAP_hits], &info, &len))
		return -errno;
	if (bpf_map_lookup_elem(x->fd[PK_XDP_MAP_control], &zero, &control))
		return -errno;
	x->conf.slots = info.max_entries;
	x->conf.seed = control.flow_seed;
	return 0;
}

int pk_xdp_adopt(struct pk_xdp **out, const char *dir, char *why, size_t size)
{
	struct pk_xdp *x = alloc_object();
	char path[PK_XDP_PATH], name[32];
	int *fd, err = 0;

	if (!x)
		return pk_xdp_say(why, size, -ENOMEM, "out of memory");
	for (uint32_t n = 0; (fd = nth_map(x, n, name, sizeof(name))); n++) {
		snprintf(path, sizeof(path), "%s/maps/%s", dir, name);
		*fd = bpf_obj_get(path);
		if (*fd >= 0)
			continue;
		err = pk_xdp_say(why, size, -errno, "cannot open %s: %s", path,
				 strerror(errno));
		goto fail;
	}
	err = check_layout(x, dir, why, size);
	if (!err)
		err = read_conf(x);
	if (err)
		goto fail;
	*out = x;
	return 0;
fail:
	pk_xdp_free(x);
	return err;
}

static void unlink_all(const char *dir, const char *part)
{
	char path[PK_XDP_PATH];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dir, part);
	d = opendir(path);
	if (!d)
		return;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(path);
}

/* Links first: without their pins the programs detach. */
int pk_xdp_purge(const char *dir)
{
	char path[PK_XDP_PATH];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/links", dir);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			pk_xdp_detach(dir, (uint32_t)atoi(e->d_name));
	if (d)
		closedir(d);
	unlink_all(dir, "links");
	unlink_all(dir, "maps");
	if (rmdir(dir) && errno != ENOENT)
		return -errno;
	return 0;
}

/* --- the kernel's slots as an image target ------------------------------- */

static int map_lines(int fd, struct pk_line **lines, uint32_t *count)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	void *p;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	p = mmap(NULL, (size_t)info.max_entries * sizeof(struct pk_line),
		 PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*lines = p;
	*count = info.max_entries;
	return 0;
}

int pk_xdp_map_target(struct pk_image_target *target, int control_fd,
		      const int slot_fd[PK_IMAGE_SLOTS])
{
	int err;
	void *p;

	memset(target, 0, sizeof(*target));
	p = mmap(NULL, sizeof(struct pk_control), PROT_READ | PROT_WRITE,
		 MAP_SHARED, control_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	target->control = p;
	for (int i = 0; i < PK_IMAGE_SLOTS; i++) {
		err = map_lines(slot_fd[i], &target->slot[i],
				&target->lines[i]);
		if (err)
			goto fail;
	}
	return 0;
fail:
	pk_xdp_unmap_target(target);
	return err;
}

void pk_xdp_unmap_target(struct pk_image_target *target)
{
	for (int i = 0; i < PK_IMAGE_SLOTS; i++)
		if (target->slot[i])
			munmap(target->slot[i], (size_t)target->lines[i] *
							sizeof(struct pk_line));
	if (target->control)
		munmap(target->control, sizeof(struct pk_control));
	memset(target, 0, sizeof(*target));
}
