/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/misp_types.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NOTHING = PK_MISP_NOTHING, PORT = PK_MISP_PORT };

#define ONE(word, part)                       \
	{                                     \
		word, { part, NOTHING }, 0, 0 \
	}
#define TWO(word, first, second)              \
	{                                     \
		word, { first, second }, 1, 0 \
	}

/* What is of use first; of the rest those that are common. */
static const struct pk_misp_type types[] = {
	ONE("ip-src", PK_INDICATOR_IPV4),
	ONE("ip-dst", PK_INDICATOR_IPV4),
	ONE("domain", PK_INDICATOR_DOMAIN),
	{ "hostname", { PK_INDICATOR_DOMAIN, NOTHING }, 0, 1 },
	ONE("url", PK_INDICATOR_URL),
	ONE("uri", PK_INDICATOR_URL),
	ONE("email", PK_INDICATOR_EMAIL),
	ONE("email-src", PK_INDICATOR_EMAIL),
	ONE("email-dst", PK_INDICATOR_EMAIL),
	ONE("email-reply-to", PK_INDICATOR_EMAIL),
	ONE("md5", PK_INDICATOR_FILE),
	ONE("sha1", PK_INDICATOR_FILE),
	ONE("sha256", PK_INDICATOR_FILE),
	ONE("ja3-fingerprint-md5", PK_INDICATOR_JA3),
	ONE("x509-fingerprint-sha1", PK_INDICATOR_CERT),
	ONE("user-agent", PK_INDICATOR_USER_AGENT),
	ONE("AS", PK_INDICATOR_ASN),
	TWO("ip-src|port", PK_INDICATOR_IPV4, PORT),
	TWO("ip-dst|port", PK_INDICATOR_IPV4, PORT),
	TWO("domain|ip", PK_INDICATOR_DOMAIN, PK_INDICATOR_IPV4),
	{ "hostname|port", { PK_INDICATOR_DOMAIN, PORT }, 1, 1 },
	TWO("filename|md5", NOTHING, PK_INDICATOR_FILE),
	TWO("filename|sha1", NOTHING, PK_INDICATOR_FILE),
	TWO("filename|sha256", NOTHING, PK_INDICATOR_FILE),
	TWO("malware-sample", NOTHING, PK_INDICATOR_FILE),

	ONE("anonymised", NOTHING),
	ONE("attachment", NOTHING),
	ONE("authentihash", NOTHING),
	ONE("bank-account-nr", NOTHING),
	ONE("boolean", NOTHING),
	ONE("bro", NOTHING),
	ONE("btc", NOTHING),
	ONE("campaign-id", NOTHING),
	ONE("campaign-name", NOTHING),
	ONE("cdhash", NOTHING),
	ONE("comment", NOTHING),
	ONE("community-id", NOTHING),
	ONE("cookie", NOTHING),
	ONE("counter", NOTHING),
	ONE("cpe", NOTHING),
	ONE("dash", NOTHING),
	ONE("datetime", NOTHING),
	ONE("dns-soa-email", NOTHING),
	ONE("email-attachment", NOTHING),
	ONE("email-body", NOTHING),
	ONE("email-dst-display-name", NOTHING),
	ONE("email-header", NOTHING),
	ONE("email-message-id", NOTHING),
	ONE("email-mime-boundary", NOTHING),
	ONE("email-src-display-name", NOTHING),
	ONE("email-subject", NOTHING),
	ONE("email-thread-index", NOTHING),
	ONE("email-x-mailer", NOTHING),
	ONE("favicon-mmh3", NOTHING),
	ONE("filename", NOTHING),
	ONE("filename-pattern", NOTHING),
	ONE("filename|authentihash", NOTHING),
	ONE("filename|imphash", NOTHING),
	ONE("filename|impfuzzy", NOTHING),
	ONE("filename|pehash", NOTHING),
	ONE("filename|sha224", NOTHING),
	ONE("filename|sha384", NOTHING),
	ONE("filename|sha512", NOTHING),
	ONE("filename|ssdeep", NOTHING),
	ONE("filename|tlsh", NOTHING),
	ONE("filename|vhash", NOTHING),
	ONE("float", NOTHING),
	ONE("gene", NOTHING),
	ONE("git-commit-id", NOTHING),
	ONE("github-repository", NOTHING),
	ONE("github-username", NOTHING),
	ONE("hassh-md5", NOTHING),
	ONE("hasshserver-md5", NOTHING),
	ONE("hex", NOTHING),
	ONE("http-method", NOTHING),
	ONE("imphash", NOTHING),
	ONE("impfuzzy", NOTHING),
	ONE("jarm-fingerprint", NOTHING),
	ONE("kusto-query", NOTHING),
	ONE("link", NOTHING),
	ONE("mac-address", NOTHING),
	ONE("mac-eui-64", NOTHING),
	ONE("malware-type", NOTHING),
	ONE("mime-type", NOTHING),
	ONE("mobile-application-id", NOTHING),
	ONE("mutex", NOTHING),
	ONE("named pipe", NOTHING),
	ONE("other", NOTHING),
	ONE("pattern-in-file", NOTHING),
	ONE("pattern-in-memory", NOTHING),
	ONE("pattern-in-traffic", NOTHING),
	ONE("pdb", NOTHING),
	ONE("pehash", NOTHING),
	ONE("pgp-private-key", NOTHING),
	ONE("pgp-public-key", NOTHING),
	ONE("phone-number", NOTHING),
	ONE("port", NOTHING),
	ONE("process-state", NOTHING),
	ONE("regkey", NOTHING),
	ONE("regkey|value", NOTHING),
	ONE("sha224", NOTHING),
	ONE("sha384", NOTHING),
	ONE("sha512", NOTHING),
	ONE("sha512/224", NOTHING),
	ONE("sha512/256", NOTHING),
	ONE("sigma", NOTHING),
	ONE("size-in-bytes", NOTHING),
	ONE("snort", NOTHING),
	ONE("ssdeep", NOTHING),
	ONE("ssh-fingerprint", NOTHING),
	ONE("stix2-pattern", NOTHING),
	ONE("target-email", NOTHING),
	ONE("target-external", NOTHING),
	ONE("target-location", NOTHING),
	ONE("target-machine", NOTHING),
	ONE("target-org", NOTHING),
	ONE("target-user", NOTHING),
	ONE("telfhash", NOTHING),
	ONE("text", NOTHING),
	ONE("threat-actor", NOTHING),
	ONE("tlsh", NOTHING),
	ONE("twitter-id", NOTHING),
	ONE("vhash", NOTHING),
	ONE("vulnerability", NOTHING),
	ONE("weakness", NOTHING),
	ONE("whois-creation-date", NOTHING),
	ONE("whois-registrant-email", NOTHING),
	ONE("whois-registrant-name", NOTHING),
	ONE("whois-registrant-org", NOTHING),
	ONE("whois-registrant-phone", NOTHING),
	ONE("whois-registrar", NOTHING),
	ONE("windows-scheduled-task", NOTHING),
	ONE("windows-service-displayname", NOTHING),
	ONE("windows-service-name", NOTHING),
	ONE("x509-fingerprint-md5", NOTHING),
	ONE("x509-fingerprint-sha256", NOTHING),
	ONE("xmr", NOTHING),
	ONE("yara", NOTHING),
	ONE("zeek", NOTHING),
};

const struct pk_misp_type *pk_misp_type_find(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strlen(types[i].word) == len &&
		    !memcmp(types[i].word, word, len))
			return &types[i];
	return NULL;
}

int pk_misp_type_useful(const struct pk_misp_type *type)
{
	return type->part[0] >= 0 || type->part[1] >= 0;
}

static void give(struct pk_misp_value *out, int type, const char *text,
		 size_t len)
{
	out->type = type;
	out->text = text;
	out->len = len;
}

/* A port that is not one leaves text that IP_PORT refuses: nothing is lost. */
static void join_port(struct pk_misp_value *out, const char *port, size_t len)
{
	bool six = memchr(out->text, ':', out->len) != NULL;
	int n = snprintf(out->joined, sizeof(out->joined), "%s%.*s%s:%.*s",
			 six ? "[" : "", (int)out->len, out->text,
			 six ? "]" : "", (int)len, port);

	/* What is too long is cut, and no less refused. */
	if (n < 0 || (size_t)n >= sizeof(out->joined))
		n = (int)sizeof(out->joined) - 1;
	give(out, PK_INDICATOR_IP_PORT, out->joined, (size_t)n);
}

static bool is_uri_without_host(int type, const char *text, size_t len)
{
	return type == PK_INDICATOR_URL && len && text[0] == '/' &&
	       !(len > 1 && text[1] == '/');
}

unsigned pk_misp_type_split(const struct pk_misp_type *type, const char *value,
			    size_t len, struct pk_misp_value out[2])
{
	const char *bar = type->composite ? memchr(value, '|', len) : NULL;
	size_t first = bar ? (size_t)(bar - value) : len;
	size_t second = bar ? len - first - 1 : 0;
	unsigned n = 0;

	if (type->part[0] >= 0 &&
	    !is_uri_without_host(type->part[0], value, first))
		give(&out[n++], type->part[0], value, first);
	if (!bar)
		return n;
	if (type->part[1] >= 0)
		give(&out[n++], type->part[1], bar + 1, second);
	else if (type->part[1] == PORT && second && n &&
		 type->part[0] == PK_INDICATOR_IPV4)
		join_port(&out[0], bar + 1, second);
	return n;
}
