/* SPDX-License-Identifier: BSD-2-Clause */
/* encode_inside: members that threats and records share. */
#ifndef PK_CONTROL_ENCODE_INSIDE_H
#define PK_CONTROL_ENCODE_INSIDE_H

#include "control/encode.h"
#include "control/json_out.h"

/* Or the sensor's name when @observer is zero; NULL: nothing. */
void pk_encode_observer(struct pk_json_out *j, const union pk_addr *observer,
			const char *sensor);
/* Both ends, the protocol and the Community ID. */
void pk_encode_flow(struct pk_json_out *j, const struct pk_flow_key *key);
/* Of TCP only. */
void pk_encode_flags(struct pk_json_out *j, const char *key, uint8_t proto,
		     uint8_t flags);

#endif /* PK_CONTROL_ENCODE_INSIDE_H */
