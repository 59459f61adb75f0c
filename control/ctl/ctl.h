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
 *             "hint" (what to do) and "details" (an object) only where there
 *             is one
 *
 * An operation runs when its request and all its bytes have arrived; a gap in
 * the numbers, half an upload or a client that leaves changes nothing. After
 * an error that leaves bytes of unknown meaning (a line that is no request, a
 * refused upload, a missed deadline) the server closes the connection, after
 * every other it goes on. A client may shut down its sending side and still
 * gets the answer; one that is gone ends what it asked for, unless that has
 * begun to change things.
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
 *
 * Indicators. Words of types, matches, classes, severities, TLP and actions
 * are those of ioc/indicator.h, formats and skip reasons of ioc/feed/feed.h, refusal
 * reasons of ioc/refused.h. VALUE {type, match, value}; META {threat_type,
 * class, confidence?, severity, tlp, tags, attribution, id, action, derived,
 * first_seen?, last_seen?, valid_from?, valid_until?} (texts are "" and times
 * and confidence absent where nothing was said; derived true or false); ITEM
 * {slot, VALUE, feed, feeds:[NAME], hits, META}: feed and META as it is
 * reported.
 *
 *  op           args                             result
 *  -----------  -------------------------------  ------------------------------
 *  ioc add   {value, type?, match?, feed?,       {slot, VALUE, added, changed,
 *             threat_type?, class?, confidence?,  generation, commit}
 *             severity?, tlp?, tags?,
 *             attribution?, id?, action?, ttl?,
 *             force?}
 *            type absent: what the value looks like; feed "manual"; ttl in
 *            seconds (0: the feed's); class absent: guessed from threat_type;
 *            force: past safelists, bogons and width. added false: the feed
 *            had it; changed: its META are other ones now
 *  ioc del   {value, type?, match?, feed?}       {VALUE, generation, commit}
 *            feed absent: of every feed. match absent: of the value's mark, or
 *            the only one there is
 *  ioc load, ioc replace, ioc diff               LOADED
 *            {feed?, name?, format?, mapping?, match?, type?, refang?, hosts?,
 *             everything?, score_min?, ttl?, threat_type?, class?,
 *             confidence?, severity?, tlp?, tags?, attribution?, action?,
 *             licence?, force?, dry_run?, expect?} + bytes
 *            load adds and changes, replace withdraws what the feed no longer
 *            says, too; diff is replace with dry_run (which changes nothing).
 *            name: of the bytes, in sentences; feed absent: name. mapping: the
 *            text of a mapping file (ioc/feed/mapping.h), or the name of one
 *            that is built in. type: of every value. match: of names without a
 *            mark. licence and attribution are the feed's; the others are for
 *            records that do not say. expect: the commit that the client's
 *            decision is based on; `conflict` when it is another one now.
 *            A load waits for the one under way; behind eight that wait it is
 *            told `busy`. A guard that refuses is
 *            `guarded` with LOADED in details, unless force; a feed that is
 *            broken is `broken` likewise and even with force.
 *            LOADED {op, feed, format, bytes, text_bytes, lines, records,
 *              blank, comments, headers, accepted, duplicates, unused,
 *              refused, indicators, added, known, refanged, host_bits,
 *              unknown_columns, declared?, complete,
 *              reasons:{REASON:N}, skipped:{REASON:N}, samples:[SENTENCE],
 *              broken?,
 *              guards:[{guard, refuses, forced, count, message}],
 *              diff:{added, changed, withdrawn, same,
 *                    samples:[{op:"add|change|del", VALUE}]},
 *              memory:{store, store_after, image, image_after},
 *              seen:{count, samples:[{VALUE, seen}]},
 *              dry_run, applied, generation, commit, ms}
 *            records = blank + comments + headers + accepted + duplicates +
 *            unused + refused. guards: those that refused something, or would;
 *            count values that they kept out. seen: new ones that were in
 *            traffic of the last hours. memory in bytes; *_after are
 *            estimates. samples are at most 10 of each kind
 *  ioc apply {feed?, format?, dry_run?, expect?, {added, changed, withdrawn,
 *             force?, META args of ioc add}       same, dry_run, generation,
 *             + bytes                             commit}
 *            lines "+VALUE" and "-VALUE" or NDJSON {"op":"add|del", args of
 *            ioc add or ioc del, times of META}, blank ones and "#" comments;
 *            format is "text", "ndjson" or absent. All or nothing: the first
 *            bad line is `usage` and named; a value to delete that is not there
 *            is bad. Pushes wait while the lines are written. A dry run counts
 *            as changed what is said again, and same is 0
 *  ioc rollback {commit, dry_run?}               {commit, to, added, changed,
 *                                                 withdrawn, generation}
 *            the state right after commit "to", as a new commit; `not-found`
 *            when history no longer has it
 *  ioc history {limit?}                          {commits:[{commit, time, op,
 *                                                 feed, by, added, changed,
 *                                                 withdrawn, total}], commit}
 *            the newest first, at most limit (20, at most 1000)
 *  ioc list  {type?, feed?, limit?, after?}      {items:[ITEM], total, commit,
 *                                                 next?}
 *            in order of slot, at most limit (100, at most 10000), only slots
 *            greater than after; next is there if more follow: the next after.
 *            With feed: what that feed says. total counts all of the type, or
 *            of the feed (of both: absent)
 *  ioc test  {value, type?}                      {match, VALUE, safe?,
 *                                                 embedded?, carried?,
 *                                                 items:[ITEM]}
 *            match: true or false, not VALUE's: is one of items valid now? items:
 *            the indicators that cover it, best first; safe: why a guard would
 *            refuse it, a sentence. Of an IPv6 address that none covers, what
 *            covers the IPv4 address that it carries: carried, and how
 *            (embedded: a word of bpf/embedded.h)
 *  ioc explain {value, type?}                    {VALUE, generation, commit,
 *      safe?, embedded?, carried?, items:[{slot, VALUE, hits, first_hit?, last_hit?,
 *        evidence?:{time, plane, role, protocol, src, src_port, dst, dst_port},
 *        where:{layer:"base|delta|none", table, generation},
 *        feeds:[{feed, since?, source, licence, feed_attribution, loaded?,
 *                META}]}]}
 *            every indicator that covers the value, best first. since: the
 *            first that the feed knew of it, or else when it was loaded
 *  ioc hits  {by?, limit?}                       {by, total, hits, items:[...]}
 *            by "indicator" (absent), "feed" or "type"; most hits first, at
 *            most limit (20, at most 10000), only those with hits. items:
 *            {slot, VALUE, feed, hits, first_hit?, last_hit?}, {feed, items,
 *            hits} or {type, items, hits}; a hit counts for every feed of its
 *            indicator. total: indicators with hits; hits: all. Of the 65536
 *            indicators that were hit last they outlive a restart
 *  ioc status {}                                 {state:"ok|degraded|
 *      building|loading", why?, generation, commit, hash, items, feeds,
 *      planes:[{plane, port, state, generation, lag_ms}],
 *      image:{base:{items, bytes, generation, hash}, delta:{items,
 *             tombstones, bytes}, tables:[{table, items, bytes, load}],
 *             filter:{bytes, bits_per_item, error_rate}, worst_probes,
 *             collisions},
 *      store:{bytes, expiring, expired, clock?, by_type:{TYPE:N}},
 *      disk:{dir, bytes, synced_commit, synced_time?, behind, error?},
 *      hits:{tracked, capacity},
 *      loading?:{op, feed, phase:"reading|comparing|writing|publishing", done,
 *                total, waiting}}
 *            waiting: loads that have not begun. image has base and delta
 *            alone while bases are replaced faster than they are looked at
 *            degraded: a plane that is wanted has been without the active
 *            generation for more than a second, or what is on disk fell behind;
 *            why says which
 *  ioc confirm-clock {}                         {clock}
 *            the system's time is right although it is more than a day ahead of
 *            what was saved: indicators may end again. clock: "", or what is
 *            still wrong
 *  threat list {limit?, id?}                     {threats:[THREAT], total}
 *            the open ones, or that one, oldest first, at most limit (1000); a
 *            THREAT is the object of the bus
 *  threat journal {from?, since?, id?,            {threats:[THREAT], first,
 *                 limit?}                          last, missing:[{from, to}],
 *                                                 next?}
 *            messages from number from (1) on, not older than since seconds, of that
 *            threat; at most limit (1000, at most 10000). missing: numbers that
 *            were asked for and are gone; next is there if more may follow
 *  threat explain {threat:THREAT}                {detector?:{name, where,
 *                 threshold, window, mute, hold, severity, confidence},
 *                 suppress:[RULE]}
 *            the detector of its type, and the rules that match it now
 *  threat suppress add {type?, offender?,        RULE, {closed}
 *            target?, indicator?, feed?, comment?, for? | until?}
 *            RULE {number, type, offender, target, indicator, feed, until?,
 *            comment, by | from:"configuration", made, count, first?, last?}
 *            for: seconds; until: a time. closed: open threats that it closed.
 *            answered when it is on disk; control/suppress.h says what matches
 *  threat suppress del {number}                  RULE
 *  threat suppress list {}                       {rules:[RULE]}
 *  feed list {}                                  {feeds:[FEED]}
 *            FEED {feed, items, format, source, licence, attribution, ttl,
 *            loaded?, records, refused}
 *  feed show {feed, samples?}                    FEED, {hits, reasons:
 *                                                 {REASON:N}, skipped:
 *                                                 {REASON:N}, rejected:[{line,
 *                                                 column, reason, text,
 *                                                 message}]}
 *            rejected: of the last load, also before a restart; at most samples
 *            (10, at most 1000)
 *  feed del  {feed, dry_run?}                    {feed, withdrawn, dry_run,
 *                                                 generation, commit}
 *  safelist list {}                              {lists:[LIST]}
 *            LIST {list, title, version, kind, types:[TYPE], entries,
 *            duplicates, refused}; no types: for all. kind: mixed, cidr,
 *            hostname, string, substring
 *  safelist load {list} + bytes                  LIST, {first_refused?:{at,
 *                                                 reason, text}, covered?}
 *            MISP warninglist JSON or one value a line; replaces the list.
 *            covered: indicators that it would refuse now (they stay);
 *            absent with more than two million
 *  safelist add {value, list?}                   {list, value, added}
 *  safelist del {value?, list?}                  {list, value?, deleted}
 *            without value: the whole list
 *            list absent: "local"
 *  safelist test {value, type?}                  {match, VALUE, list?, entry?,
 *                                                 way?}
 *
 * What is long is told as it is found, while other things go on: a list is no
 * view of one instant. What was there all the time is in it, once.
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
	_(GUARDED, "guarded", 1, "a guard refuses it; force overrules")      \
	_(BROKEN, "broken", 1, "the feed as a whole cannot be used")         \
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
 * (NULL if @n is 0), shared memory of its own whose pages may be given back
 * once they were read (MADV_REMOVE). It must do one of
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

/* Who asks; (uid_t)-1 when that is not known. */
uid_t pk_ctl_uid(const struct pk_ctl_answer *out);

/* The same with @details, an object that is taken. */
void pk_ctl_fail_with(struct pk_ctl_answer *out, enum pk_ctl_code code,
		      struct json_object *details, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * A list that is long is told in pieces, and pk_ctl_ok() ends it. begin: of a
 * result whose member @list is a list; element: one more (taken); then
 * pk_ctl_ok() with the members that follow it. An error can no more be told
 * then: pk_ctl_fail() closes the connection, and the client has half a line.
 */
void pk_ctl_begin(struct pk_ctl_answer *out, const char *list);
void pk_ctl_element(struct pk_ctl_answer *out, struct json_object *element);

/*
 * The client has more than 256 KiB of it to read: tell no more until @fn was
 * called, from the loop and once: all of it was read, or the client is gone.
 * One that reads nothing for PK_CTL_DEADLINE_S is let go.
 */
bool pk_ctl_is_behind(const struct pk_ctl_answer *out);
typedef void pk_ctl_room_fn(void *arg);
void pk_ctl_on_room(struct pk_ctl_answer *out, pk_ctl_room_fn *fn, void *arg);

/* The client is gone: nobody will read the answer. It is still due. */
bool pk_ctl_has_left(const struct pk_ctl_answer *out);

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
