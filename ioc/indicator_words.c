/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "ioc/indicator.h"

#define PK_WORD(name, word, ...) word,

static const char *const types[] = { PK_INDICATOR_TYPES(PK_WORD) };
static const char *const matches[] = { PK_MATCHES(PK_WORD) };
static const char *const classes[] = { PK_THREAT_CLASSES(PK_WORD) };
static const char *const severities[] = { PK_SEVERITIES(PK_WORD) };
static const char *const tlps[] = { PK_TLPS(PK_WORD) };
static const char *const actions[] = { PK_ACTIONS(PK_WORD) };

#define PK_LEN(words) (sizeof(words) / sizeof((words)[0]))

static const char *word_of(const char *const *words, size_t count, unsigned n)
{
	return n < count ? words[n] : "?";
}

static int find(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(word, words[i]))
			return (int)i;
	return -ENOENT;
}

const char *pk_indicator_type_word(enum pk_indicator_type type)
{
	return word_of(types, PK_LEN(types), type);
}

const char *pk_match_word(enum pk_match match)
{
	return word_of(matches, PK_LEN(matches), match);
}

const char *pk_threat_class_word(enum pk_threat_class class)
{
	return word_of(classes, PK_LEN(classes), class);
}

const char *pk_severity_word(enum pk_indicator_severity severity)
{
	return word_of(severities, PK_LEN(severities), severity);
}

const char *pk_tlp_word(enum pk_tlp tlp)
{
	return word_of(tlps, PK_LEN(tlps), tlp);
}

const char *pk_action_word(enum pk_action action)
{
	return word_of(actions, PK_LEN(actions), action);
}

int pk_indicator_type_find(const char *word)
{
	return find(types, PK_LEN(types), word);
}

int pk_match_find(const char *word)
{
	return find(matches, PK_LEN(matches), word);
}

int pk_severity_find(const char *word)
{
	return find(severities, PK_LEN(severities), word);
}

int pk_action_find(const char *word)
{
	return find(actions, PK_LEN(actions), word);
}

int pk_tlp_find(const char *word)
{
	if (!strncasecmp(word, "tlp:", 4))
		word += 4;
	if (!strcasecmp(word, "white"))
		return PK_TLP_CLEAR;
	return find(tlps, PK_LEN(tlps), word);
}

/*
 * Words of feeds: abuse.ch, MISP categories and taxonomies, AlienVault, STIX
 * open vocabularies, PhishTank, blocklist.de, CrowdSec. Compared with blanks,
 * hyphens and underscores as one, in any case.
 */
static const struct {
	const char *word;
	enum pk_threat_class class;
} synonyms[] = {
	{ "botnet cc", PK_CLASS_C2 },
	{ "botnet c2", PK_CLASS_C2 },
	{ "botnet", PK_CLASS_C2 },
	{ "c2", PK_CLASS_C2 },
	{ "c&c", PK_CLASS_C2 },
	{ "c2c", PK_CLASS_C2 },
	{ "cnc", PK_CLASS_C2 },
	{ "cc", PK_CLASS_C2 },
	{ "cc skimming", PK_CLASS_FRAUD },
	{ "malware c2", PK_CLASS_C2 },
	{ "malware cc", PK_CLASS_C2 },
	{ "command and control", PK_CLASS_C2 },
	{ "command control", PK_CLASS_C2 },
	{ "payload delivery", PK_CLASS_MALWARE_DISTRIBUTION },
	{ "payload", PK_CLASS_MALWARE },
	{ "malware download", PK_CLASS_MALWARE_DISTRIBUTION },
	{ "malware domain", PK_CLASS_MALWARE_DISTRIBUTION },
	{ "malware distribution", PK_CLASS_MALWARE_DISTRIBUTION },
	{ "malware hosting", PK_CLASS_MALWARE_DISTRIBUTION },
	{ "delivery", PK_CLASS_MALWARE_DISTRIBUTION },
	{ "exploit kit", PK_CLASS_MALWARE_DISTRIBUTION },
	{ "drive by", PK_CLASS_MALWARE_DISTRIBUTION },
	{ "malware config", PK_CLASS_MALWARE_CONFIGURATION },
	{ "artifacts dropped", PK_CLASS_MALWARE },
	{ "payload installation", PK_CLASS_MALWARE },
	{ "malicious activity", PK_CLASS_MALWARE },
	{ "malicious", PK_CLASS_MALWARE },
	{ "malicious host", PK_CLASS_MALWARE },
	{ "trojan", PK_CLASS_MALWARE },
	{ "ransomware", PK_CLASS_MALWARE },
	{ "rat", PK_CLASS_MALWARE },
	{ "stealer", PK_CLASS_MALWARE },
	{ "worm", PK_CLASS_MALWARE },
	{ "virus", PK_CLASS_MALWARE },
	{ "infected", PK_CLASS_INFECTED },
	{ "bot", PK_CLASS_INFECTED },
	{ "bot ip", PK_CLASS_INFECTED },
	{ "drone", PK_CLASS_INFECTED },
	{ "phish", PK_CLASS_PHISHING },
	{ "phishing site", PK_CLASS_PHISHING },
	{ "credential phishing", PK_CLASS_PHISHING },
	{ "social engineering", PK_CLASS_PHISHING },
	{ "scan", PK_CLASS_SCANNER },
	{ "scanning", PK_CLASS_SCANNER },
	{ "scanning host", PK_CLASS_SCANNER },
	{ "reconnaissance", PK_CLASS_SCANNER },
	{ "attempt", PK_CLASS_BRUTE_FORCE },
	{ "bruteforce", PK_CLASS_BRUTE_FORCE },
	{ "bruteforcelogin", PK_CLASS_BRUTE_FORCE },
	{ "ssh", PK_CLASS_BRUTE_FORCE },
	{ "exploitation", PK_CLASS_EXPLOIT },
	{ "external analysis", PK_CLASS_OTHER },
	{ "network activity", PK_CLASS_OTHER },
	{ "attack", PK_CLASS_IDS_ALERT },
	{ "anomalous activity", PK_CLASS_IDS_ALERT },
	{ "dos", PK_CLASS_DDOS },
	{ "ddos attack", PK_CLASS_DDOS },
	{ "amplifier", PK_CLASS_DDOS_AMPLIFIER },
	{ "spamming", PK_CLASS_SPAM },
	{ "spammer", PK_CLASS_SPAM },
	{ "fraud", PK_CLASS_FRAUD },
	{ "scam", PK_CLASS_FRAUD },
	{ "defacement", PK_CLASS_DEFACEMENT },
	{ "compromised", PK_CLASS_COMPROMISED },
	{ "compromised host", PK_CLASS_COMPROMISED },
	{ "hijacked", PK_CLASS_COMPROMISED },
	{ "dga", PK_CLASS_DGA },
	{ "anonymization", PK_CLASS_PROXY },
	{ "vpn", PK_CLASS_PROXY },
	{ "open proxy", PK_CLASS_PROXY },
	{ "tor exit", PK_CLASS_TOR },
	{ "tor node", PK_CLASS_TOR },
	{ "tor exit node", PK_CLASS_TOR },
	{ "blocklist", PK_CLASS_BLACKLIST },
	{ "drop", PK_CLASS_BLACKLIST },
};

static char plain(char c)
{
	if (c == '_' || c == '-')
		return ' ';
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static int same(const char *a, const char *b)
{
	while (*a && plain(*a) == plain(*b)) {
		a++;
		b++;
	}
	return plain(*a) == plain(*b);
}

enum pk_threat_class pk_threat_class_guess(const char *word)
{
	for (size_t i = 0; i < PK_LEN(classes); i++)
		if (same(word, classes[i]))
			return (enum pk_threat_class)i;
	for (size_t i = 0; i < PK_LEN(synonyms); i++)
		if (same(word, synonyms[i].word))
			return synonyms[i].class;
	return PK_CLASS_OTHER;
}
