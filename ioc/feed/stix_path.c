/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/stix_path.h"

#include <string.h>

#define HTTP "network-traffic:extensions.http-request-ext.request_header."

static const struct {
	const char *path;
	enum pk_stix_class class;
	enum pk_stix_end end;
} paths[] = {
	{ "url:value", PK_STIX_URL, 0 },
	{ "domain-name:value", PK_STIX_NAME, 0 },
	{ "ipv4-addr:value", PK_STIX_IP, 0 },
	{ "ipv6-addr:value", PK_STIX_IP, 0 },
	{ "network-traffic:src_ref.value", PK_STIX_REF, PK_STIX_SRC },
	{ "network-traffic:dst_ref.value", PK_STIX_REF, PK_STIX_DST },
	{ "network-traffic:src_port", PK_STIX_PORT, PK_STIX_SRC },
	{ "network-traffic:dst_port", PK_STIX_PORT, PK_STIX_DST },
	{ "network-traffic:src_ref.type", PK_STIX_KIND, 0 },
	{ "network-traffic:dst_ref.type", PK_STIX_KIND, 0 },
	{ "network-traffic:protocols", PK_STIX_CONDITION, 0 },
	{ HTTP "user-agent", PK_STIX_AGENT, 0 },
	{ HTTP "host", PK_STIX_REF, 0 },
	{ "email-addr:value", PK_STIX_EMAIL, 0 },
	{ "email-message:from_ref.value", PK_STIX_EMAIL, 0 },
	{ "email-message:sender_ref.value", PK_STIX_EMAIL, 0 },
	{ "autonomous-system:number", PK_STIX_AS, 0 },
};

/* "sha-256", "SHA256", "sha_256" are one: compare letters and digits. */
static int is_hash(const char *name, const char *plain)
{
	for (; *name; name++) {
		if (*name == '-' || *name == '_')
			continue;
		if (*name != *plain++)
			return 0;
	}
	return !*plain;
}

static enum pk_stix_class hash_class(const char *path)
{
	static const char file[] = "file:hashes.",
			  artifact[] = "artifact:hashes.",
			  cert[] = "x509-certificate:hashes.";
	const char *name = strchr(path, '.');

	if (!strncmp(path, cert, sizeof(cert) - 1))
		return is_hash(name + 1, "sha1") ? PK_STIX_CERT : PK_STIX_HOST;
	if (strncmp(path, file, sizeof(file) - 1) != 0 &&
	    strncmp(path, artifact, sizeof(artifact) - 1) != 0)
		return PK_STIX_HOST;
	if (is_hash(name + 1, "md5") || is_hash(name + 1, "sha1") ||
	    is_hash(name + 1, "sha256"))
		return PK_STIX_HASH;
	return PK_STIX_HOST;
}

enum pk_stix_class pk_stix_path_class(const char *path, enum pk_stix_end *end)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(path, paths[i].path) != 0)
			continue;
		*end = paths[i].end;
		return paths[i].class;
	}
	*end = PK_STIX_NEITHER;
	return hash_class(path);
}
