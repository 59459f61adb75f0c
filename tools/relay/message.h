/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message: a threat as net-security's AMQP message.
 *
 *	{"observer":TEXT,"offender":TEXT,"type":TEXT,"details":{...}}
 *
 * These four keys, whoever reads that message knows. In details is what its
 * readers would otherwise have to guess: the threat's "id", "seq", "epoch",
 * "state", "time", "count", "target", "severity" and "hold", and for detectors
 * "attacked_hosts".
 */
#ifndef PK_RELAY_MESSAGE_H
#define PK_RELAY_MESSAGE_H

#include <stddef.h>

struct json_object;

/*
 * Read a threat. 1 and *@out is the caller's; 0: it is no new threat, and
 * @all is 0, so it is not told; -EBADMSG when it is none.
 */
int message_make(struct json_object **out, const char *json, size_t len,
		 int all);

#endif /* PK_RELAY_MESSAGE_H */
