/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile: a threat's message in the words of somebody else's reader.
 *
 *	picket  the message as it is
 *	eve     an alert event of Suricata's EVE JSON
 *	ecs     an alert of the Elastic Common Schema 9
 *	cef     ArcSight's Common Event Format 0, in a line of RFC 5424 syslog
 *	syslog  a line of RFC 5424 syslog, all in its structured data
 *	sdn     the keys of sdn_sensor's messages
 *
 * It reads the message as the journal has it, so whoever has the journal can
 * have every profile of it, at any later time. The result is one line without
 * control bytes, valid UTF-8, for every message, also one that no picket wrote:
 * \xNN (control/text.h) stays in it as text, and each format's own marks are
 * escaped as the format says. control/profile/README.md has the field map.
 *
 * No global state; any thread. Memory: a tree of the message.
 */
#ifndef PK_CONTROL_PROFILE_H
#define PK_CONTROL_PROFILE_H

#include <stddef.h>

#define PK_PROFILES(_)    \
	_(PICKET, picket) \
	_(EVE, eve)       \
	_(ECS, ecs)       \
	_(CEF, cef)       \
	_(SYSLOG, syslog) \
	_(SDN, sdn)

#define PK_PROFILE_ENUM(name, word) PK_PROFILE_##name,
enum pk_profile { PK_PROFILES(PK_PROFILE_ENUM) PK_PROFILE_COUNT };

enum { PK_PROFILE_MAX = 65536 }; /* holds every message of ours */

/* The profile of that word, or -ENOENT. */
int pk_profile_find(const char *name);
const char *pk_profile_word(int profile);

/*
 * The @len bytes of a threat's message in @profile, NUL-terminated, without a
 * line feed: the length. -EINVAL for a profile that is none; -EBADMSG when
 * @json is no object, or has a control byte; -ENOSPC when @size is too little;
 * -ENOMEM.
 */
int pk_profile_convert(int profile, const char *json, size_t len, char *out,
		       size_t size);

/* Its severity: 0 low, 1 medium (or none that is known), 2 high, 3 critical. */
int pk_profile_severity(const char *json, size_t len);
/* The number of that word, or -ENOENT. */
int pk_profile_severity_find(const char *word);

#endif /* PK_CONTROL_PROFILE_H */
