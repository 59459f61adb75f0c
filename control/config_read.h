/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_read: a configuration's text into a struct, by a table of keys.
 *
 * Each section of the file has a table of struct pk_key; the table decides
 * where a value goes and what it must be, and everything else is refused with
 * one sentence "FILE:LINE: ...". Part of config; nobody else includes this.
 */
#ifndef PK_CONTROL_CONFIG_READ_H
#define PK_CONTROL_CONFIG_READ_H

#include <stddef.h>
#include <stdint.h>

#include "control/jsonc.h"

enum pk_key_kind {
	PK_KEY_TEXT,	 /* char[] of @size bytes, passes @check */
	PK_KEY_BOOL,	 /* bool */
	PK_KEY_NUMBER,	 /* uint32_t from @min to @max */
	PK_KEY_NUMBER64, /* uint64_t from @min to @max */
	PK_KEY_DURATION, /* likewise in seconds, or a text such as 90s or 1h */
	PK_KEY_LEVEL,	 /* enum pk_log_level */
	PK_KEY_ADDRESS,	 /* union pk_addr */
	PK_KEY_OBJECT,	 /* a struct with @keys */
	PK_KEY_LIST,	 /* an array of structs with @keys, or else of texts */
};

/* One key; a table ends with a key without a name. */
struct pk_key {
	const char *name;
	enum pk_key_kind kind;
	size_t at;   /* of the value, from the start of its section */
	size_t size; /* of a text, or of an element of a list */
	uint64_t min;
	uint64_t max; /* of a number; elements of a list */
	size_t count; /* where a list's uint32_t number of elements is */
	const struct pk_key *keys;
	/* NULL if @text is good, else how "must be ..." goes on. */
	const char *(*check)(const char *text);
};

struct pk_config_reader {
	const char *name; /* of the file */
	char *err;
	size_t errlen;
};

/* "FILE:LINE: ..." into the reader's sentence. -EINVAL. */
int pk_config_fail(const struct pk_config_reader *r, unsigned line,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The whole file @top into @section. 0 or -EINVAL with the sentence. */
int pk_config_read(const struct pk_config_reader *r, const struct pk_jsonc *top,
		   const struct pk_key *keys, void *section);

/* Checks of texts, for struct pk_key. */
const char *pk_check_name(const char *text);
const char *pk_check_interface(const char *text);
const char *pk_check_port(const char *text);
const char *pk_check_format(const char *text);
const char *pk_check_mapping(const char *text);
const char *pk_check_match(const char *text);
const char *pk_check_type(const char *text);
const char *pk_check_class(const char *text);
const char *pk_check_severity(const char *text);
const char *pk_check_tlp(const char *text);
const char *pk_check_action(const char *text);
const char *pk_check_sync(const char *text);
const char *pk_check_profile(const char *text);
const char *pk_check_threat_severity(const char *text);
const char *pk_check_metrics(const char *text);
const char *pk_check_network(const char *text);
const char *pk_check_threat(const char *text);
const char *pk_check_until(const char *text);
const char *pk_check_path(const char *text);
const char *pk_check_vdev(const char *text);
const char *pk_check_pci(const char *text);
const char *pk_check_endpoint(const char *text);
const char *pk_check_pattern(const char *text);
const char *pk_check_key(const char *text);

struct pk_config;
/* config_bus.c: endpoints, all together. 0 or -EINVAL with the sentence. */
int pk_config_check_bus(const struct pk_config_reader *r,
			const struct pk_jsonc *top, const struct pk_config *c);

#endif /* PK_CONTROL_CONFIG_READ_H */
