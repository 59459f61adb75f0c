/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario: named kinds of traffic, frame by frame.
 *
 * Frame number @i of a scenario is a function of the configuration and @i
 * alone: there is no state, so any frame can be made at any time, a count
 * bounds everything, and the same seed gives the same bytes on any machine.
 *
 * Addresses are 16 bytes, IPv4 mapped; both of one family. Where a scenario
 * needs more hosts than two it counts upwards in the last 32 bits. TCP that
 * has no stated port goes to 80.
 */
#ifndef PK_GEN_SCENARIO_H
#define PK_GEN_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

#include "tools/gen/frame.h"

enum {
	PK_SCENARIO_FRAME_MAX = 2048, /* bytes; no frame is longer */
	PK_SCENARIO_VLANS = 2,
	PK_SCENARIO_TALK = 10, /* frames of one TCP conversation */
	PK_SCENARIO_NAME_MAX = 253,
};

struct pk_scenario_conf {
	uint64_t seed;
	uint8_t src[16], dst[16];
	uint8_t src_mac[6], dst_mac[6];
	const char *name; /* of DNS questions and of the HTTP host */
	uint32_t hosts;	  /* hosts scanned, at least 1 */
	uint32_t flows;	  /* established connections, at least 1 */
	uint16_t port;	  /* 0: the scenario's own choice */
	uint16_t vlan[PK_SCENARIO_VLANS]; /* outer first; 0: no tag */
};

struct pk_scenario {
	const char *name, *what;
	uint64_t count; /* frames when nobody says how many */
	void (*build)(struct pk_frame_builder *b,
		      const struct pk_scenario_conf *conf, uint64_t i);
};

/* 192.0.2.10 to 198.51.100.20, www.example.com, seed 1, one host and flow. */
void pk_scenario_defaults(struct pk_scenario_conf *conf);

/* NULL if there is no such scenario. */
const struct pk_scenario *pk_scenario_find(const char *name);
/* All of them, for help and tests: NULL from their number on. */
const struct pk_scenario *pk_scenario_at(size_t n);

/*
 * Build frame @i into the PK_SCENARIO_FRAME_MAX bytes at @bytes. Its length,
 * or -EINVAL if @conf mixes address families or names no host (labels of 1
 * to 63 bytes, PK_SCENARIO_NAME_MAX in all).
 */
int pk_scenario_frame(const struct pk_scenario *s,
		      const struct pk_scenario_conf *conf, uint64_t i,
		      uint8_t *bytes);

#endif /* PK_GEN_SCENARIO_H */
