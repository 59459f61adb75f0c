/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log: one line to stderr, for people and for the journal.
 *
 *	pk_warn("no feed has been loaded yet; see `picketctl feed add`"
 *		" feeds=%u", n);
 *
 * A line is a sentence, then key=value pairs; the caller writes both. When
 * stderr is the journal's stream (JOURNAL_STREAM, see systemd.exec(5)) a line
 * begins with the level as `<N>` (see sd-daemon(3)), so it is filed rightly.
 * Bytes of the text that are not printable ASCII are written as \xNN: text that
 * an outsider controls can neither forge a second line nor steer a terminal.
 *
 * Each place of call may write PK_LOG_BURST lines within PK_LOG_PERIOD_SEC
 * seconds; what comes above that is counted, and the next line from there says
 * suppressed=N. Any thread may log; a line is one write(2).
 */
#ifndef PK_CONTROL_LOG_H
#define PK_CONTROL_LOG_H

#include <stdatomic.h>

enum pk_log_level {
	PK_LOG_ERR = 3, /* as syslog(3) numbers them */
	PK_LOG_WARN = 4,
	PK_LOG_INFO = 6,
	PK_LOG_DEBUG = 7
};

enum {
	PK_LOG_BURST = 10,
	PK_LOG_PERIOD_SEC = 5,
	PK_LOG_LINE = 1024, /* longest line; what does not fit is cut */
};

/* One place of call. Zeroed is its valid first state. */
struct pk_log_site {
	atomic_llong period; /* number of the period the count belongs to */
	atomic_uint lines;
	atomic_uint suppressed;
};

/* Drop lines above @level; PK_LOG_INFO at start. */
void pk_log_set_level(enum pk_log_level level);

/* Write to @fd from now on (2 at start); the caller keeps the fd. */
void pk_log_set_fd(int fd);

__attribute__((format(printf, 3, 4))) void pk_log(struct pk_log_site *site,
						  enum pk_log_level level,
						  const char *format, ...);

#define PK_LOG_AT(level, ...)                             \
	do {                                              \
		static struct pk_log_site pk_log_here;    \
		pk_log(&pk_log_here, level, __VA_ARGS__); \
	} while (0)

#define pk_err(...)   PK_LOG_AT(PK_LOG_ERR, __VA_ARGS__)
#define pk_warn(...)  PK_LOG_AT(PK_LOG_WARN, __VA_ARGS__)
#define pk_info(...)  PK_LOG_AT(PK_LOG_INFO, __VA_ARGS__)
#define pk_debug(...) PK_LOG_AT(PK_LOG_DEBUG, __VA_ARGS__)

#endif /* PK_CONTROL_LOG_H */
