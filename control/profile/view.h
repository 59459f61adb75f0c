/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view: a threat's message, read once, for the encoders of profiles. Inside
 * control/profile/ only.
 *
 * Texts are never NULL, "" where the message does not say; they and the lists
 * are those of the tree. Numbers that are missing are 0.
 */
#ifndef PK_CONTROL_PROFILE_VIEW_H
#define PK_CONTROL_PROFILE_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "control/json_out.h"

struct pk_view {
	struct json_object *tree;
	const char *type, *observer, *offender, *target, *id, *epoch, *sensor;
	const char *plane, *state, *severity, *name;
	const char *first, *last; /* RFC 3339 in UTC, or "" */
	uint64_t first_ms, last_ms;
	uint64_t seq, count, confidence, hosts, ports;
	/* Of an indicator; @value is "" for detectors. */
	const char *ind_type, *value, *ind_id, *role, *threat_type, *class;
	const char *tlp, *tags, *attribution, *expires;
	struct json_object *feeds; /* an array, or NULL */
	size_t feed_count;
	/* The flow or packet. */
	const char *src, *dst, *proto, *community;
	uint64_t sport, dport, ttl;
	int has_ttl;
};

/* 0, -EBADMSG or -ENOMEM. The caller owns @v->tree. */
int pk_view_read(struct pk_view *v, const char *json, size_t len);

const char *pk_view_feed(const struct pk_view *v, size_t i);

int pk_view_is_v6(const char *addr);
int pk_view_is_icmp(const struct pk_view *v);

/* 0 low, 1 medium, 2 high, 3 critical; words that are not known are medium. */
unsigned pk_view_severity(const struct pk_view *v);

/* "indicator ipv4-addr", or the detector's name. */
const char *pk_view_title(const struct pk_view *v, char out[64]);

/* A number of 31 bits that stands for @text in every run and place. */
uint32_t pk_view_stable(const char *text);

/* JSON: the member only when @text says something. */
void pk_view_said(struct pk_json_out *j, const char *key, const char *text);

int pk_profile_eve(const struct pk_view *v, char *out, size_t size);
int pk_profile_ecs(const struct pk_view *v, char *out, size_t size);
int pk_profile_cef(const struct pk_view *v, char *out, size_t size);
int pk_profile_syslog(const struct pk_view *v, char *out, size_t size);
int pk_profile_sdn(const struct pk_view *v, char *out, size_t size);

#endif /* PK_CONTROL_PROFILE_VIEW_H */
