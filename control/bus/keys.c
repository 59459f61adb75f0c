/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { KEY_BYTES = 32 };

int pk_keys_generate(char open[PK_CURVE_TEXT], char secret[PK_CURVE_TEXT])
{
	return zmq_curve_keypair(open, secret) ? -errno : 0;
}

int pk_keys_public(char open[PK_CURVE_TEXT], const char *secret)
{
	if (!pk_keys_valid(secret, strlen(secret)))
		return -EINVAL;
	return zmq_curve_public(open, secret) ? -errno : 0;
}

int pk_keys_valid(const char *text, size_t len)
{
	char copy[PK_CURVE_TEXT];
	uint8_t bytes[KEY_BYTES];

	if (len != PK_CURVE_CHARS)
		return 0;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return 0;
	memcpy(copy, text, len);
	copy[len] = 0;
	return zmq_z85_decode(bytes, copy) != NULL;
}

/* ---- files ---- */

static int check_file(int fd, const char *file, int secret, char *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		snprintf(err, PK_CURVE_SENTENCE, "%s: not a regular file",
			 file);
		return -EINVAL;
	}
	if (!secret || !(st.st_mode & 0077))
		return 0;
	snprintf(err, PK_CURVE_SENTENCE,
		 "%s: others may read this secret (mode %04o): chmod 600 %s",
		 file, (unsigned)st.st_mode & 07777U, file);
	return -EPERM;
}

/* A key may begin with '#', but has no space behind it. */
static int is_comment(const char *line, size_t len)
{
	return !len || (line[0] == '#' && (len == 1 || line[1] == ' '));
}

static int find_key(char key[PK_CURVE_TEXT], const char *text, size_t len,
		    const char *file, char *err)
{
	unsigned number = 0;

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		size_t whole = n + (end != NULL);

		number++;
		n -= n && text[n - 1] == '\r';
		if (is_comment(text, n)) {
			text += whole;
			len -= whole;
			continue;
		}
		if (!pk_keys_valid(text, n)) {
			snprintf(
				err, PK_CURVE_SENTENCE,
				"%s:%u: not a key of 40 characters; `picketctl "
				"key gen` makes one",
				file, number);
			return -EINVAL;
		}
		memcpy(key, text, PK_CURVE_CHARS);
		key[PK_CURVE_CHARS] = 0;
		return 0;
	}
	snprintf(err, PK_CURVE_SENTENCE, "%s: there is no key in it", file);
	return -EINVAL;
}

static ssize_t read_all(int fd, char text[PK_CURVE_FILE_MAX])
{
	size_t have = 0;

	while (have < PK_CURVE_FILE_MAX) {
		ssize_t n = pread(fd, text + have, PK_CURVE_FILE_MAX - have,
				  (off_t)have);

		if (n < 0)
			return -errno;
		if (!n)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int pk_keys_read_fd(char key[PK_CURVE_TEXT], int fd, const char *file,
		    int secret, char err[PK_CURVE_SENTENCE])
{
	char text[PK_CURVE_FILE_MAX];
	ssize_t n;
	int ret;

	*err = 0;
	ret = check_file(fd, file, secret, err);
	n = ret ? ret : read_all(fd, text);
	if (n >= 0)
		ret = find_key(key, text, (size_t)n, file, err);
	else
		ret = (int)n;
	explicit_bzero(text, sizeof(text));
	if (ret && !*err)
		snprintf(err, PK_CURVE_SENTENCE, "%s: cannot be read: %s", file,
			 strerror(-ret));
	return ret;
}

int pk_keys_read(char key[PK_CURVE_TEXT], const char *file, int secret,
		 char err[PK_CURVE_SENTENCE])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;

	if (fd < 0) {
		ret = -errno;
		snprintf(err, PK_CURVE_SENTENCE, "%s: cannot be opened: %s",
			 file, strerror(-ret));
		return ret;
	}
	ret = pk_keys_read_fd(key, fd, file, secret, err);
	close(fd);
	return ret;
}

int pk_keys_load(struct pk_keys *out, const char *server, const char *secret,
		 char err[PK_CURVE_SENTENCE])
{
	int ret = pk_keys_read(out->server, server, 0, err);

	if (!ret)
		ret = pk_keys_read(out->secret, secret, 1, err);
	if (ret)
		return ret;
	ret = pk_keys_public(out->open, out->secret);
	if (ret)
		snprintf(err, PK_CURVE_SENTENCE,
			 "%s: its public key cannot be found: %s", secret,
			 strerror(-ret));
	return ret;
}

int pk_keys_use(void *socket, const struct pk_keys *keys)
{
	if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->server,
			   PK_CURVE_TEXT) ||
	    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->open,
			   PK_CURVE_TEXT) ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret,
			   PK_CURVE_TEXT))
		return -errno;
	return 0;
}
