/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * detector: which flows are suspicious, and how many of them are a threat.
 *
 * A detector is a row of data: a predicate over the initiator's half of a
 * flow (key, tcp_flags[0], packets[0], bytes[0]), a window (span, threshold),
 * and what to say. A threat opens when more than `threshold` matching flows of
 * one source were exported to one observer within `span`; 0 means the first.
 *
 * Bits per packet are compared by cross multiplication; a half without packets
 * never matches such a test. TCP flags are compared exactly, over the whole
 * flow; flows of other protocols have none.
 */
#ifndef PK_CONTROL_DETECTOR_H
#define PK_CONTROL_DETECTOR_H

#include <stdint.h>

#include "control/window.h"
#include "dataplane/record.h"

struct pk_detector {
	const char *name; /* the threat's type: [a-z0-9-] */
	int (*match)(const struct pk_flow *flow);
	const char *where; /* what match() does, for people; NULL: not said */
	struct pk_window_rule window;
	uint64_t mute_ns;
	uint32_t hold_sec;
	uint8_t confidence;   /* 0 to 100 */
	const char *severity; /* low, medium, high */
};

enum { PK_DETECTORS = 3, PK_DETECTORS_MAX = 32 };

/* portscan, spam, winscan. */
extern const struct pk_detector pk_detectors[PK_DETECTORS];

/* Is bytes * 8 / packets <= @bits? No for 0 packets. */
int pk_detector_bits_at_most(uint64_t bytes, uint64_t packets, uint32_t bits);

#endif /* PK_CONTROL_DETECTOR_H */
