/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/xdp/object.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/picket.skel.h"
#include "dataplane/xdp/object_private.h"

/* Not in the headers of kernel 6.1; the value is the kernel's ABI since 6.6. */
enum { TCX_EGRESS = 47, CLSACT_HANDLE = 1, CLSACT_PRIORITY = 49 };

/* Where a sentence goes. */
struct said {
	char *why;
	size_t size;
};

/* --- load ---------------------------------------------------------------- */

static uint32_t verified_insns(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	return info.verified_insns;
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	return info.id;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static int dup_fd(const struct bpf_program *prog)
{
	return fcntl(bpf_program__fd(prog), F_DUPFD_CLOEXEC, 3);
}

static void close_progs(struct pk_xdp_progs *p)
{
	if (p->xdp_fd >= 0)
		close(p->xdp_fd);
	if (p->tc_fd >= 0)
		close(p->tc_fd);
	if (p->sweep_fd >= 0)
		close(p->sweep_fd);
}

/*
 * Errors and sums only: before 6.4 a kernel that runs out of log answers
 * ENOSPC, and the reason is lost. Each program begins the log anew.
 */
static void listen_to_verifier(struct picket *skel, char *log, size_t size)
{
	enum { LOG_STATS = 4 };
	struct bpf_program *prog;

	log[0] = '\0';
	bpf_object__for_each_program(prog, skel->obj)
	{
		bpf_program__set_log_buf(prog, log, size);
		bpf_program__set_log_level(prog, LOG_STATS);
	}
}

static void choose(struct picket *skel, struct pk_xdp *x, uint16_t port)
{
	skel->rodata->pk_port = port;
	skel->rodata->pk_cpus = x->cpus;
	skel->rodata->pk_replay = x->conf.replay;
	skel->rodata->pk_flow_seed = x->conf.seed;
	bpf_program__set_autoload(skel->progs.picket_xdp, true);
	bpf_program__set_autoload(skel->progs.picket_tc, true);
	bpf_program__set_autoload(skel->progs.picket_sweep, true);
}

static int take_fds(struct picket *skel, struct pk_xdp_progs *out)
{
	out->xdp_fd = dup_fd(skel->progs.picket_xdp);
	out->tc_fd = dup_fd(skel->progs.picket_tc);
	out->sweep_fd = dup_fd(skel->progs.picket_sweep);
	if (out->xdp_fd < 0 || out->tc_fd < 0 || out->sweep_fd < 0) {
		int err = -errno;

		close_progs(out);
		return err;
	}
	out->xdp_insns = verified_insns(out->xdp_fd);
	out->tc_insns = verified_insns(out->tc_fd);
	return 0;
}

int pk_xdp_load(struct pk_xdp *x, uint16_t port, struct pk_xdp_progs *out,
		char *why, size_t size)
{
	static char log[1 << 16];
	struct picket *skel = pk_xdp_open_skeleton(x);
	uint64_t begin = now_ns();
	int err;

	if (!skel)
		return pk_xdp_say(why, size, -errno,
				  "cannot open the BPF object: %s",
				  strerror(errno));
	choose(skel, x, port);
	listen_to_verifier(skel, log, sizeof(log));
	err = pk_xdp_reuse_maps(x, skel);
	if (!err)
		err = picket__load(skel);
	if (err)
		pk_xdp_say(
			why, size, err,
			"the kernel refused the BPF programs: %s%s%s%s",
			strerror(-err),
			err == -EPERM || err == -EACCES
				? " (CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are needed)"
				: "",
			*log ? ": " : "", log);
	else
		err = take_fds(skel, out);
	out->load_ns = now_ns() - begin;
	picket__destroy(skel);
	return err;
}

/* --- sweep timers --------------------------------------------------------- */

static int run_on(uint32_t cpu, int sweep_fd)
{
	unsigned char frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = sizeof(frame));
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return errno == EINVAL ? 0 : -errno; /* possible, not online */
	return bpf_prog_test_run_opts(sweep_fd, &opts) ? -errno : 0;
}

static int arm_timers(const struct pk_xdp *x, int sweep_fd)
{
	cpu_set_t before;
	int err = 0;

	if (sched_getaffinity(0, sizeof(before), &before))
		return -errno;
	for (uint32_t cpu = 0; cpu < x->cpus && !err; cpu++)
		err = run_on(cpu, sweep_fd);
	sched_setaffinity(0, sizeof(before), &before);
	return err;
}

/* --- links ----------------------------------------------------------------- */

static void link_path(char *path, const char *dir, uint32_t ifindex,
		      const char *kind)
{
	snprintf(path, PK_XDP_PATH, "%s/links/%u-%s", dir, ifindex, kind);
}

static int pin_link(int link, const char *path)
{
	int err = bpf_obj_pin(link, path) ? -errno : 0;

	close(link);
	return err;
}

static int link_xdp(int prog, uint32_t ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);

	return bpf_link_create(prog, (int)ifindex, BPF_XDP, &opts);
}

static const char *holder(uint32_t ifindex, char *text, size_t size)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	uint32_t id;

	if (bpf_xdp_query((int)ifindex, 0, &q))
		return "another program";
	id = q.prog_id	     ? q.prog_id
	     : q.drv_prog_id ? q.drv_prog_id
			     : q.skb_prog_id;
	snprintf(text, size,
		 "program id %u (`bpftool prog show id %u` names it)", id, id);
	return text;
}

static int attach_xdp(int prog, const struct pk_xdp_attach *a, const char *path,
		      struct pk_xdp_attached *out)
{
	int link = -EOPNOTSUPP;

	if (!a->skb_mode)
		link = link_xdp(prog, a->ifindex, XDP_FLAGS_DRV_MODE);
	out->native = link >= 0;
	out->frags = 1;
	if (link == -EOPNOTSUPP || link == -ENOTSUP || link == -ERANGE ||
	    link == -EINVAL || link == -ENOMEM)
		link = link_xdp(prog, a->ifindex, XDP_FLAGS_SKB_MODE);
	return link < 0 ? link : pin_link(link, path);
}

/* The pin of the program stands for what has no link of its own. */
static int pin_mark(int prog, const char *dir, uint32_t ifindex,
		    const char *kind)
{
	char path[PK_XDP_PATH];

	link_path(path, dir, ifindex, kind);
	return bpf_obj_pin(prog, path) ? -errno : 0;
}

static int take_mark(const char *dir, uint32_t ifindex, const char *kind)
{
	char path[PK_XDP_PATH];

	link_path(path, dir, ifindex, kind);
	return unlink(path) == 0;
}

static void remove_filter(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CLSACT_HANDLE,
		    .priority = CLSACT_PRIORITY);

	bpf_tc_detach(&hook, &opts);
}

static void remove_qdisc(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	bpf_tc_hook_destroy(&hook);
}

/* Undo attach_clsact as far as its marks say it got. */
static int detach_clsact(const char *dir, uint32_t ifindex)
{
	int found = take_mark(dir, ifindex, "clsact");

	if (found)
		remove_filter(ifindex);
	if (take_mark(dir, ifindex, "qdisc"))
		remove_qdisc(ifindex);
	return found;
}

/*
 * Before 6.6 there are no tc links: a filter in a clsact qdisc, which is made
 * if there is none. A stranger's filter is not replaced.
 */
static int attach_clsact(int prog, uint32_t ifindex, const char *dir)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog, .handle = CLSACT_HANDLE,
		    .priority = CLSACT_PRIORITY);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return err;
	if (!err && (err = pin_mark(prog, dir, ifindex, "qdisc"))) {
		remove_qdisc(ifindex);
		return err;
	}
	err = bpf_tc_attach(&hook, &opts);
	if (!err && (err = pin_mark(prog, dir, ifindex, "clsact")))
		remove_filter(ifindex);
	if (err && take_mark(dir, ifindex, "qdisc"))
		remove_qdisc(ifindex);
	return err;
}

static int attach_tc(int prog, uint32_t ifindex, const char *dir,
		     struct pk_xdp_attached *out)
{
	int link = bpf_link_create(prog, (int)ifindex,
				   (enum bpf_attach_type)TCX_EGRESS, NULL);
	char path[PK_XDP_PATH];

	if (link >= 0) {
		out->egress = 1;
		link_path(path, dir, ifindex, "tc");
		return pin_link(link, path);
	}
	out->egress = 2;
	return attach_clsact(prog, ifindex, dir);
}

/* Detach at once, not when the last holder of the link goes away. */
static int drop_link(const char *dir, uint32_t ifindex, const char *kind)
{
	char path[PK_XDP_PATH];
	int fd;

	link_path(path, dir, ifindex, kind);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	bpf_link_detach(fd);
	close(fd);
	return unlink(path) == 0;
}

int pk_xdp_detach(const char *dir, uint32_t ifindex)
{
	int found = drop_link(dir, ifindex, "xdp");

	found |= drop_link(dir, ifindex, "tc");
	found |= detach_clsact(dir, ifindex);
	return found ? 0 : -ENOENT;
}

/* The decoder begins with an Ethernet header. */
static int check_type(const char *name, char *why, size_t size)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int type = -1;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd >= 0 && !ioctl(fd, SIOCGIFHWADDR, &request))
		type = request.ifr_hwaddr.sa_family;
	if (fd >= 0)
		close(fd);
	if (type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK)
		return 0;
	return pk_xdp_say(
		why, size, -EPROTONOSUPPORT,
		"interface %s is no Ethernet interface (ARP type %d): its frames cannot be decoded; watch the interface below it",
		name, type);
}

static int attach_one(const struct pk_xdp_progs *p,
		      const struct pk_xdp_attach *a, const char *dir,
		      struct pk_xdp_attached *out, const char **kind)
{
	char path[PK_XDP_PATH];
	int err;

	*kind = "XDP";
	link_path(path, dir, a->ifindex, "xdp");
	err = attach_xdp(p->xdp_fd, a, path, out);
	if (err || a->ingress_only)
		return err;
	*kind = "tc egress";
	err = attach_tc(p->tc_fd, a->ifindex, dir, out);
	if (err)
		drop_link(dir, a->ifindex, "xdp");
	return err;
}

static int attach_both(const struct pk_xdp_progs *p,
		       const struct pk_xdp_attach *a, const char *dir,
		       struct pk_xdp_attached *out, struct said *said)
{
	char name[IF_NAMESIZE] = "?", text[96];
	const char *kind;
	int err;

	if_indextoname(a->ifindex, name);
	err = check_type(name, said->why, said->size);
	if (err)
		return err;
	err = attach_one(p, a, dir, out, &kind);
	if (!err)
		return 0;
	if ((err == -EBUSY || err == -EEXIST) && kind[0] == 'X')
		return pk_xdp_say(
			said->why, said->size, -EBUSY,
			"interface %s already has an XDP program: %s; detach it first",
			name, holder(a->ifindex, text, sizeof(text)));
	return pk_xdp_say(said->why, said->size, err,
			  "cannot attach to interface %s (%s): %s", name, kind,
			  strerror(-err));
}

int pk_xdp_attach(struct pk_xdp *x, const struct pk_xdp_attach *a,
		  const char *dir, struct pk_xdp_attached *out, char *why,
		  size_t size)
{
	struct pk_xdp_progs progs = { .xdp_fd = -1,
				      .tc_fd = -1,
				      .sweep_fd = -1 };
	struct said said = { why, size };
	int err = pk_xdp_load(x, a->port, &progs, why, size);

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	err = attach_both(&progs, a, dir, out, &said);
	if (!err && (err = arm_timers(x, progs.sweep_fd))) {
		pk_xdp_say(why, size, err, "cannot start the sweep timers: %s",
			   strerror(-err));
		pk_xdp_detach(dir, a->ifindex);
	}
	out->xdp_prog_id = program_id(progs.xdp_fd);
	out->tc_prog_id = program_id(progs.tc_fd);
	close_progs(&progs);
	return err;
}

int pk_xdp_is_attached(const char *dir, uint32_t ifindex,
		       struct pk_xdp_attached *out)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);
	char path[PK_XDP_PATH];
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	int fd, err;

	memset(out, 0, sizeof(*out));
	link_path(path, dir, ifindex, "xdp");
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err || info.xdp.ifindex != ifindex)
		return 0;
	out->xdp_prog_id = info.prog_id;
	out->frags = 1;
	if (!bpf_xdp_query((int)ifindex, 0, &q))
		out->native = q.drv_prog_id == info.prog_id;
	link_path(path, dir, ifindex, "tc");
	if (!access(path, F_OK))
		out->egress = 1;
	link_path(path, dir, ifindex, "clsact");
	if (!access(path, F_OK))
		out->egress = 2;
	return 1;
}
