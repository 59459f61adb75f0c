/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threat_text: what a threat is called: its id, the name that was seen, and an
 * indicator that no store knows. The inside of control/threat.c. No state.
 */
#ifndef PK_CONTROL_THREAT_TEXT_H
#define PK_CONTROL_THREAT_TEXT_H

#include <stdint.h>

#include "control/threat_table.h"
#include "ioc/name.h"

enum { PK_THREAT_SENSOR_MAX = 255 };

/*
 * The same finding has the same id wherever and whenever it is computed: only
 * what the finding is goes in, no slot and no seed.
 */
void pk_threat_set_id(struct pk_threat *s, const struct pk_threat_key *key);

/* An indicator of which only that is known which was seen. */
void pk_threat_say_addr(struct pk_threat_indicator *ind,
			const union pk_addr *addr);
void pk_threat_say_name(struct pk_threat_indicator *ind, const uint8_t *wire);

/* The name that was seen, checked; "" when it is none. */
void pk_threat_wire(const struct pk_hit *hit, uint8_t wire[PK_NAME_MAX + 1]);

/* As text, to free(3); NULL when it is none. */
char *pk_threat_name(const uint8_t *wire);

#endif /* PK_CONTROL_THREAT_TEXT_H */
