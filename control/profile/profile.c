/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/profile/profile.h"

#include <errno.h>
#include <string.h>

#include "control/profile/view.h"

#define WORD(name, word) #word,
static const char *const words[] = { PK_PROFILES(WORD) };
#undef WORD

typedef int encode_fn(const struct pk_view *v, char *out, size_t size);

static encode_fn *const encoders[PK_PROFILE_COUNT] = {
	[PK_PROFILE_EVE] = pk_profile_eve,
	[PK_PROFILE_ECS] = pk_profile_ecs,
	[PK_PROFILE_CEF] = pk_profile_cef,
	[PK_PROFILE_SYSLOG] = pk_profile_syslog,
	[PK_PROFILE_SDN] = pk_profile_sdn,
};

int pk_profile_find(const char *name)
{
	for (int i = 0; i < PK_PROFILE_COUNT; i++)
		if (!strcmp(words[i], name))
			return i;
	return -ENOENT;
}

const char *pk_profile_word(int profile)
{
	return profile >= 0 && profile < PK_PROFILE_COUNT ? words[profile] : "";
}

static int is_line(const char *json, size_t len)
{
	if (len < 2 || json[0] != '{' || json[len - 1] != '}')
		return 0;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)json[i] < 0x20 || json[i] == 0x7f)
			return 0;
	return 1;
}

int pk_profile_convert(int profile, const char *json, size_t len, char *out,
		       size_t size)
{
	struct pk_view v;
	int ret;

	if (profile < 0 || profile >= PK_PROFILE_COUNT)
		return -EINVAL;
	if (len > PK_PROFILE_MAX || !is_line(json, len))
		return -EBADMSG;
	if (profile == PK_PROFILE_PICKET) {
		if (len >= size)
			return -ENOSPC;
		memcpy(out, json, len);
		out[len] = 0;
		return (int)len;
	}
	ret = pk_view_read(&v, json, len);
	if (ret)
		return ret;
	ret = encoders[profile](&v, out, size);
	json_object_put(v.tree);
	return ret;
}

int pk_profile_severity_find(const char *word)
{
	static const char *const severities[] = { "low", "medium", "high",
						  "critical" };

	for (int i = 0; i < 4; i++)
		if (!strcmp(severities[i], word))
			return i;
	return -ENOENT;
}

int pk_profile_severity(const char *json, size_t len)
{
	struct pk_view v;
	int severity;

	if (pk_view_read(&v, json, len))
		return 1;
	severity = (int)pk_view_severity(&v);
	json_object_put(v.tree);
	return severity;
}
