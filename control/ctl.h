/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl: the server's side of the control socket.
 *
 * A client connects to the unix stream socket PK_CTL_SOCKET in the run
 * directory and sends requests one after the other; each gets one answer.
 *
 *   request   {"v":1,"op":"ioc load","args":{...},"bytes":N}\n
 *             "v", "args" and "bytes" may be left out (1, {}, 0)
 *   upload    only if N > 0: chunks until N bytes have come, each
 *             u32 LE number, from 0 | u32 LE length | bytes
 *             a length is 1 .. PK_CTL_CHUNK_MAX; every chunk but the last has
 *             at least PK_CTL_CHUNK_MIN bytes
 *   answer    {"v":1,"ok":true,"result":{...}}\n
 *          or {"v":1,"error":{"code":"...","message":"...","hint":"..."}}\n
 *             "hint" (what to do) only where there is one
 *
 * An operation runs when its request and all its bytes have arrived; a gap in
 * the numbers, half an upload or a client that leaves changes nothing. After
 * an error that leaves bytes of unknown meaning (a line that is no request, a
 * refused upload, a missed deadline) the server closes the connection, after
 * every other it goes on. A client may shut down its sending side and still
 * gets the answer.
 *
 * Limits: a client is heard if it is root, has the server's uid, or is in the
 * socket's group (SO_PEERCRED, fixed at connect); others are told `denied`.
 * PK_CTL_CONNECTIONS at a time, more are told `busy`. A client that owes bytes
 * has PK_CTL_DEADLINE_S seconds for the line or for each chunk. All uploads in
 * progress together are bounded by upload_bytes; they are kept in memfds. File
 * descriptors that a client passes are dropped by the kernel. Nothing here
 * blocks but the operations themselves. One thread: the event loop's.
 *
 * Operations and what they answer (all keys always there, unless marked "?"):
 *
 *  op        args                                result
 *  --------  ----------------------------------  ------------------------------
 *  operations {}                                 {operations:[name]}; built in
 *  status    {}                                  {version, uptime_s, sensor,
 *      epoch, generation,
 *      interfaces:[{name, ifindex, port, mode:"native|skb",
 *                   egress:"tcx|clsact|none", state, counters:{NAME:N}}],
 *      ports:[{name, port, device, workers, state, counters:{NAME:N}}],
 *      planes:[{plane, port, pid, state, restarts, gaps:[{from,to}], said?}],
 *      bus:{endpoints:[ENDPOINT], NAME:N ...},
 *      indicators:{total, by_type:{TYPE:N}},
 *      control:{connections, open, requests, ok, errors:{CODE:N}}}
 *            state is a word: starting, running, waiting, failed, stopped;
 *            pid 0: no process now; from and to are RFC 3339 times
 *  audit     {}                                  {result:"ok|mismatch|
 *      not-quiescent", doubt, identities:[{name, plane, left, right, delta,
 *                                          ok, written_off?, doubt?}],
 *      lost:[{plane, counter, count}], notes:[TEXT]}
 *            answers late: waits up to 3 s until nothing is in flight. doubt:
 *            it is ok only within what a death or a start leaves open, see
 *            control/audit.h; lost: accounted for, but lost, since the start;
 *            notes: what is not compared, and why
 *  attach    {interface, skb?, ingress_only?,    {interface, ifindex, port,
 *             yes?} (false if absent)             mode, egress, notes:[TEXT]}
 *  detach    {interface}                         {interface}
 *  port add  {name, vdev | pci, workers?,        {name, port, device, workers,
 *             no_huge?} (1, false)                pid}
 *  port del  {name}                              {name}
 *  ioc add   {value, feed?, threat_type?}        {slot, type, value, added,
 *                                                 generation}
 *            added false: it was there already
 *  ioc del   {value, feed?} (every feed)         {type, value, generation}
 *  ioc load  {format?, feed?, name?} + bytes     {feed, format, lines, blank,
 *      comments, accepted, duplicates, refused, reasons:{REASON:N},
 *      samples:[SENTENCE], generation}
 *            name: what to call the bytes in messages and, without feed, the
 *            feed; format absent or "auto": told from the content.
 *            lines = blank + comments + accepted + duplicates + refused;
 *            samples: the first refusals as ioc/feed.h prints them
 *  ioc list  {type?, limit?, after?}             {items:[{slot, type, value,
 *                                                 feed, threat_type, hits}],
 *                                                 total, next?}
 *            in order of slot, at most limit (100, at most 10000), only slots
 *            greater than after; next is there if more follow: the next after.
 *            total counts all of the type
 *  ioc test  {value}                             {match, type, value,
 *                                                 items:[as in ioc list]}
 *            items: the indicators that cover the value, best first
 *
 * An attach that would restart the link of the default route without yes is
 * answered `confirm`. Times are text, counts are integers.
 */
#ifndef PK_CONTROL_CTL_H
#define PK_CONTROL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ioc/say.h"

#define PK_CTL_SOCKET "ctl.sock"

enum {
	PK_CTL_PROTOCOL = 1,
	PK_CTL_LINE_MAX = 64 * 1024, /* a request line, LF included */
	PK_CTL_CHUNK_MIN = 16 * 1024,
	PK_CTL_CHUNK_MAX = 1024 * 1024,
	PK_CTL_CONNECTIONS = 32,
	PK_CTL_DEADLINE_S = 5,
	PK_CTL_OPS = 64, /* operations of one server */
	PK_CTL_LATER = 1,
};

/*
 * Why a request failed: name on the wire, exit status of picketctl (DESIGN
 * 5.5), meaning. The names are also the counters' names.
 */
#define PK_CTL_CODES(_)                                                      \
	_(FAILED, "failed", 1, "the operation did not succeed")              \
	_(BAD_REQUEST, "bad-request", 1, "the request is no request")        \
	_(VERSION, "version", 1, "another version of the protocol")          \
	_(UNKNOWN_OP, "unknown-op", 1, "no operation of this name")          \
	_(TOO_LARGE, "too-large", 1, "the request or upload is too long")    \
	_(TIMEOUT, "timeout", 1, "the client did not send what it owed")     \
	_(UPLOAD, "upload", 1, "a chunk is missing, doubled or too short")   \
	_(ABORTED, "aborted", 1, "the client left before its request ended") \
	_(BUSY, "busy", 1, "too many connections or uploads at a time")      \
	_(CONFLICT, "conflict", 1, "another owner, or it exists already")    \
	_(CONFIRM, "confirm", 1, "needs the operator's --yes")               \
	_(USAGE, "usage", 2, "an argument is missing or makes no sense")     \
	_(NOT_FOUND, "not-found", 4, "no such object")                       \
	_(CONFIGURATION, "configuration", 6, "the configuration forbids it") \
	_(PRIVILEGE, "privilege", 8, "the daemon may not do this")           \
	_(DENIED, "denied", 8, "the client may not ask this")

#define PK_CTL_CODE_ENUM(name, word, status, text) PK_CTL_E_##name,
enum pk_ctl_code { PK_CTL_CODES(PK_CTL_CODE_ENUM) PK_CTL_CODE_COUNT };

/* The word of a code, and back; PK_CTL_CODE_COUNT for an unknown word. */
const char *pk_ctl_code_word(enum pk_ctl_code code);
enum pk_ctl_code pk_ctl_code_find(const char *word);
int pk_ctl_code_status(enum pk_ctl_code code); /* exit status of picketctl */

struct event_base;
struct json_object;
struct pk_ctl;
struct pk_ctl_answer;

/*
 * An operation. @args is an object (never NULL, borrowed), @bytes the upload
 * (NULL if @n is 0). It must do one of
 *   answer with pk_ctl_ok() or pk_ctl_fail() and return 0,
 *   return PK_CTL_LATER and answer @out later, exactly once; @args and @bytes
 *     stay valid until then,
 *   return a negative errno without answering: told as `failed`.
 */
typedef int pk_ctl_fn(void *arg, struct json_object *args, const void *bytes,
		      size_t n, struct pk_ctl_answer *out);

/*
 * Answer and give up @out. The client may have left, and even the server may
 * have been freed meanwhile; that is no error. pk_ctl_ok takes @result (NULL
 * stands for an empty object). @hint may be NULL.
 */
void pk_ctl_ok(struct pk_ctl_answer *out, struct json_object *result);
void pk_ctl_fail(struct pk_ctl_answer *out, enum pk_ctl_code code,
		 const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* connections = closed + open; requests = ok + sum of error[] + pending. */
struct pk_ctl_counters {
	uint64_t connections; /* accepted, the refused ones too */
	uint64_t closed;
	uint64_t open;
	uint64_t requests; /* begun: a first byte, or a refused connection */
	uint64_t pending;
	uint64_t ok;
	uint64_t error[PK_CTL_CODE_COUNT];
};

struct pk_ctl_conf {
	int fd; /* listening, non-blocking; pk_ctl_new takes it on success */
	gid_t group;	       /* whose members are heard */
	uint64_t upload_bytes; /* bound of all uploads in progress */
	uint32_t deadline_ms;  /* 0: PK_CTL_DEADLINE_S */
	pk_say_fn *say; /* told about clients that were refused; may be NULL */
	void *say_arg;
};

/*
 * A fresh listening socket at @path, owned by @group and mode 0660; nobody
 * can connect before both are set. A socket that nobody answers on is
 * replaced. Sets *@fd (non-blocking, close-on-exec). -EADDRINUSE when a
 * server answers there, -ENAMETOOLONG, or the errno of what failed.
 */
int pk_ctl_listen(int *fd, const char *path, gid_t group);

/*
 * Serve on @base, which outlives the server. From then on the process ignores
 * SIGPIPE. 0, -EINVAL or -ENOMEM.
 */
int pk_ctl_new(struct pk_ctl **out, struct event_base *base,
	       const struct pk_ctl_conf *conf);

/* Close everything; answers that are still due go nowhere. NULL is a no-op. */
void pk_ctl_free(struct pk_ctl *c);

/*
 * Register @fn for @op; @op must outlive the server. 0, -EEXIST, -ENOSPC, or
 * -EINVAL.
 */
int pk_ctl_add(struct pk_ctl *c, const char *op, pk_ctl_fn *fn, void *arg);

void pk_ctl_counters(const struct pk_ctl *c, struct pk_ctl_counters *out);

#endif /* PK_CONTROL_CTL_H */
