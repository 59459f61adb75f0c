/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ESCAPED = 4 }; /* bytes of \xNN */

static atomic_int most = PK_LOG_INFO;
static atomic_int target = STDERR_FILENO;

void pk_log_set_level(enum pk_log_level level)
{
	atomic_store(&most, level);
}

void pk_log_set_fd(int fd)
{
	atomic_store(&target, fd);
}

/*
 * systemd names the stream it gave us as "DEVICE:INODE"; a child that writes
 * to a file of its own inherits the name, not the stream.
 */
static int is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(fd, &st) && st.st_dev == device && st.st_ino == inode;
}

/* May one more line leave from here? A race costs a line more or less. */
static int allowed(struct pk_log_site *site)
{
	struct timespec now;
	long long period;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	period = now.tv_sec / PK_LOG_PERIOD_SEC + 1;
	if (atomic_exchange(&site->period, period) != period)
		atomic_store(&site->lines, 0);
	if (atomic_fetch_add(&site->lines, 1) < PK_LOG_BURST)
		return 1;
	atomic_fetch_add(&site->suppressed, 1);
	return 0;
}

/* Copy @text to @out (@size bytes, NUL included); the bytes written. */
static size_t put_clean(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + ESCAPED < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c < 0x7f)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, ESCAPED + 1, "\\x%02x",
					      c);
	}
	return n;
}

void pk_log(struct pk_log_site *site, enum pk_log_level level,
	    const char *format, ...)
{
	char text[PK_LOG_LINE], line[PK_LOG_LINE + 64];
	int fd = atomic_load(&target);
	unsigned suppressed;
	va_list args;
	size_t n = 0;

	if ((int)level > atomic_load(&most) || !allowed(site))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (is_journal(fd))
		n = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	n += put_clean(line + n, PK_LOG_LINE - n, text);
	suppressed = atomic_exchange(&site->suppressed, 0);
	if (suppressed)
		n += (size_t)snprintf(line + n, sizeof(line) - n,
				      " suppressed=%u", suppressed);
	line[n++] = '\n';
	/* Nowhere is left to complain to when stderr is gone. */
	if (write(fd, line, n) < 0)
		return;
}
