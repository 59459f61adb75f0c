/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clients: who may use the bus off the host, and for what.
 *
 * The file has a line for each:
 *
 *	PUBLICKEY NAME ROLES
 *
 * 40 characters of Z85; a name of letters, digits, '.', '_' and '-'; roles with
 * commas between them: subscribe (the bus), replay (what was missed), pull
 * (outputs), both (subscribe,replay) and all. Empty lines and lines that begin
 * with "# " are passed over. A key or a name is there once. Who is not there
 * may do nothing.
 */
#ifndef PK_CONTROL_CLIENTS_H
#define PK_CONTROL_CLIENTS_H

#include <stddef.h>
#include <stdint.h>

#include "control/bus/keys.h"

enum {
	PK_CLIENT_NAME = 64,	    /* bytes, with the NUL */
	PK_CLIENTS_MAX = 1024,	    /* lines that are clients */
	PK_CLIENTS_BYTES = 1 << 18, /* of the file */
};

#define PK_CLIENT_ROLES(_)      \
	_(SUBSCRIBE, subscribe) \
	_(REPLAY, replay)       \
	_(PULL, pull)

#define PK_CLIENT_ROLE_ENUM(name, word) PK_CLIENT_##name,
enum pk_client_role {
	PK_CLIENT_ROLES(PK_CLIENT_ROLE_ENUM) PK_CLIENT_ROLE_COUNT
};

struct pk_client {
	char key[PK_CURVE_TEXT];
	char name[PK_CLIENT_NAME];
	uint8_t roles; /* bits: 1 << enum pk_client_role */
	uint32_t line;
};

struct pk_clients {
	uint32_t count;
	struct pk_client *client;
};

/* The words of the roles. */
extern const char *const pk_client_role_words[PK_CLIENT_ROLE_COUNT];

/*
 * Read a file's text; @file names it. 0 and @out is the caller's to free;
 * -EINVAL with a sentence FILE:LINE in @err, @out untouched; or -ENOMEM.
 */
int pk_clients_parse(struct pk_clients *out, const char *file, const char *text,
		     size_t len, char err[PK_CURVE_SENTENCE]);
/* The same of an open file. Or -errno, with the sentence. */
int pk_clients_read_fd(struct pk_clients *out, int fd, const char *file,
		       char err[PK_CURVE_SENTENCE]);
void pk_clients_free(struct pk_clients *c); /* of zeros is a no-op */

/* The client with that key, or that name; NULL. */
const struct pk_client *pk_clients_find_key(const struct pk_clients *c,
					    const char *key);
const struct pk_client *pk_clients_find_name(const struct pk_clients *c,
					     const char *name);

#endif /* PK_CONTROL_CLIENTS_H */
