/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keys: CURVE keys of the bus: their files, and sockets that use them.
 *
 * A key is 32 bytes, written in Z85 as 40 characters. A key file has it on a
 * line of its own; empty lines and those that begin with "# " are passed over.
 * A secret's file may be open to its owner only.
 *
 * A subscriber has a pair of its own, and the sensor's public key: with a wrong
 * one it hears nothing, and nobody can stand in for the sensor.
 */
#ifndef PK_CONTROL_KEYS_H
#define PK_CONTROL_KEYS_H

#include <stddef.h>

enum {
	PK_CURVE_CHARS = 40,
	PK_CURVE_TEXT = PK_CURVE_CHARS + 1, /* with its NUL */
	PK_CURVE_SENTENCE = 320,	    /* bytes of an error */
	PK_CURVE_FILE_MAX = 4096,	    /* bytes of a key's file */
};

/* What a client of the bus needs. */
struct pk_keys {
	char server[PK_CURVE_TEXT]; /* the sensor's public key */
	char open[PK_CURVE_TEXT];   /* our own public key */
	char secret[PK_CURVE_TEXT];
};

/* A new pair. 0, or -ENOTSUP when ZeroMQ was built without CURVE. */
int pk_keys_generate(char open[PK_CURVE_TEXT], char secret[PK_CURVE_TEXT]);

/* The public key that belongs to a secret one. 0 or -EINVAL. */
int pk_keys_public(char open[PK_CURVE_TEXT], const char *secret);

/* 1 when the @len bytes at @text are a key. */
int pk_keys_valid(const char *text, size_t len);

/*
 * Read a key from @fd; @file names it in sentences. 0; -EPERM for a @secret
 * that others may read, -EINVAL for what is no key, or -errno of the file. The
 * sentence is in @err.
 */
int pk_keys_read_fd(char key[PK_CURVE_TEXT], int fd, const char *file,
		    int secret, char err[PK_CURVE_SENTENCE]);
/* The same of a file that is to be opened. */
int pk_keys_read(char key[PK_CURVE_TEXT], const char *file, int secret,
		 char err[PK_CURVE_SENTENCE]);

/* The keys of a client, from the files of the server's key and its secret. */
int pk_keys_load(struct pk_keys *out, const char *server, const char *secret,
		 char err[PK_CURVE_SENTENCE]);

/* Before connecting: @socket talks to that server only. 0 or -errno. */
int pk_keys_use(void *socket, const struct pk_keys *keys);

#endif /* PK_CONTROL_KEYS_H */
