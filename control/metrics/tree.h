/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree: the figures of `picketctl status` as metrics.
 *
 * There is one list of counters, those that make the status (status.c): each
 * number there that is a metric carries its HELP (pk_tree_counter() and its
 * like), and the walk over the object finds it. So a counter that is told is
 * exported, under the same name and with the same value.
 *
 *	bus.published                  picket_bus_published_total
 *	bus.replay.open                picket_bus_replay_open
 *	planes[].counters.seen         picket_plane_seen_total{plane,port}
 *	planes[].reasons.pass          picket_plane_reasons_total{...,reason}
 *	indicators.total               picket_indicators
 *	planes[].state                 picket_plane_up{plane,port}: 1 or 0
 *
 * Elements of lists are labelled by what names them; lists that the table in
 * tree.c does not have are passed over.
 */
#ifndef PK_METRICS_TREE_H
#define PK_METRICS_TREE_H

#include <stdint.h>

#include "control/metrics/exposition.h"

struct json_object;

/*
 * Add the number @n to object @o under @key. @help is a constant.
 *
 * A counter that is one of the few that go down (tree.c has them: "open",
 * "waiting" ...) is a gauge.
 */
void pk_tree_counter(struct json_object *o, const char *key, uint64_t n,
		     const char *help);
void pk_tree_gauge(struct json_object *o, const char *key, uint64_t n,
		   const char *help);

/* The members of object @o are one counter, told apart by their keys. */
void pk_tree_by_key(struct json_object *o, const char *help);
void pk_tree_gauge_by_key(struct json_object *o, const char *help);

/* All of them in @status into @e, which keeps pointers to their HELPs. */
void pk_tree_metrics(struct json_object *status, struct pk_exposition *e);

#endif /* PK_METRICS_TREE_H */
