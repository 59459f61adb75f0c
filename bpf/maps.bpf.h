/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps: where the kernel programs keep things. Shared by all interfaces of a
 * sensor. The sizes below are placeholders: user space sets them before it
 * creates the maps (dataplane/xdp/object.c).
 *
 * One writer each: counters, lines, cpus and outers belong to their CPU; control,
 * image slots belong to the daemon; hits is added to atomically.
 */
#ifndef PK_BPF_MAPS_BPF_H
#define PK_BPF_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/dns.h"
#include "bpf/image.h"
#include "bpf/outer.h"

/* What a CPU needs for itself; never seen by user space. */
struct pk_cpu_state {
	__u64 clock_ns;		 /* latest precise time: never go behind it */
	struct pk_decode decode; /* of the frame at hand */
	__u64 word;		 /* the control word, read once a frame */
	struct pk_dns_scratch dns;
	__u8 scratch[sizeof(struct pk_sample_event) + PK_SAMPLE_BYTES];
};

struct pk_cpu_timer {
	struct bpf_timer sweep;
	__u32 armed;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pk_control);
} control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pk_plane_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PK_FLOW_LINES);
	__type(key, __u32);
	__type(value, struct pk_flow_line);
} lines SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pk_cpu_state);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PK_OUTER_TAGS);
	__type(key, __u32);
	__type(value, __u64);
} outers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pk_cpu_timer);
} timers SEC(".maps");

/* An image slot: may be replaced by a larger one. */
struct pk_slot_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct pk_line));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, PK_IMAGE_SLOTS);
	__type(key, __u32);
	__array(values, struct pk_slot_map);
} images SEC(".maps");

struct pk_ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct pk_ring_map);
} alerts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct pk_ring_map);
} events SEC(".maps");

#endif /* PK_BPF_MAPS_BPF_H */
