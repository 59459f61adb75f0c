/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threat: the life of a finding, from its first evidence to its end.
 *
 * A threat is told when it opens, then at most once per mute time while
 * evidence goes on (update), and once when it closes: after max(window, mute)
 * without evidence, at the end of a replay, or early when room is needed; in a
 * daemon it goes on over a restart (pk_threats_load()). A flood is never a
 * million messages; the counts are exact.
 *
 *   kind       key                           offender      count
 *   detector   detector, observer, source    the source    matching flows
 *   address    observer, listed address      the address   packets, from FLOWs
 *   outer      observer, listed address of   the address   periods in which it
 *              a tunnel, its depth                         was seen
 *   name       observer, indicator, client   the client    DNS messages
 *
 * How a plane spreads packets over its workers must not show. For addresses
 * it decides how many HIT records there are, so only the first one opens a
 * threat, and later ones change nothing but the time at which it would close;
 * count, last and updates come from FLOW records alone. (A HIT that is not the
 * first says that packets were seen whose FLOW will come within
 * PK_THREAT_FLOW_DELAY_NS; so a threat stays open at least that long.) A FLOW
 * with listed packets and no open threat opens one too: no evidence is lost
 * with a lost HIT. Flows are of the innermost pairs, so of the addresses of
 * tunnels there are HITs only: the first one of each period (bpf/outer.h) counts,
 * which is the same for every spread, and the rest change nothing. As long as no
 * threat is closed early, the output is the same for every spread.
 *
 * A threat keeps the first records that counted, and how often each target was
 * met, in the same unit as its count (control/threat_evidence.h). For an address
 * that is the hit that opened it until the first FLOW came.
 *
 * What is suppressed opens no threat: each piece of evidence that would open
 * one is shown to the rules (control/suppress.h) first. One that is open when a
 * rule is made is closed.
 *
 * Time is that of the records, and of pk_threats_advance(). A threat that is
 * due closes before anything later is told; several in order of their time.
 *
 * Memory: at most @capacity open threats, about 3.3 KiB each, made when they
 * open. When there is no room, the threat whose evidence is oldest is closed
 * early and counted. One thread.
 *
 * An id is that of one threat: one that opens after its key's was closed early,
 * or by a rule, begins no sooner than that ended, whatever it is made of.
 */
#ifndef PK_CONTROL_THREAT_H
#define PK_CONTROL_THREAT_H

#include <stddef.h>
#include <stdint.h>

#include "control/checkpoint/bytes.h"
#include "control/detector.h"
#include "control/threat_evidence.h"
#include "control/window.h"
#include "dataplane/record.h"

enum {
	PK_THREAT_FEEDS = 16,
	PK_THREAT_VALUE = 1024, /* a name of 253 bytes, all escaped, fits */
	PK_THREAT_CAPACITY = 65536,
	PK_THREAT_HOLD_SEC = 3600,
};

#define PK_THREAT_MUTE_NS	600000000000ULL
#define PK_THREAT_FLOW_DELAY_NS 120000000000ULL

enum pk_threat_state { PK_THREAT_OPEN, PK_THREAT_UPDATE, PK_THREAT_CLOSED };

/*
 * What the indicator store says of an indicator: NUL-terminated text, empty
 * where unknown. Type words are the STIX object names. Feeds are those of all
 * indicators that cover what was seen; the rest is of the most specific one.
 */
struct pk_threat_indicator {
	uint8_t confidence; /* 0 to 100 */
	uint8_t feeds;
	uint8_t watch;	  /* 1: hits are counted, no threat is told */
	uint8_t embedded; /* enum pk_embedded_kind: it is of the IPv4 address
			     that what was seen carries */
	uint32_t expires; /* Unix seconds, 0: it does not */
	char type[24];
	char id[104];
	char threat_type[64]; /* the feed's own word */
	char class[24];
	char severity[12]; /* "" : high */
	char tlp[16];
	char tags[256];
	char attribution[128];
	char feed[PK_THREAT_FEEDS][64];
	char value[PK_THREAT_VALUE]; /* last: stored as long as it is */
};

/* The flow or packet that opened the threat. */
struct pk_threat_flow {
	struct pk_flow_key key;
	uint8_t tcp_flags;
	uint8_t ttl;
	uint8_t has_ttl; /* 0: opened by a flow record */
};

struct pk_threat {
	const char *type; /* "indicator" or the detector's name */
	const char *sensor;
	const char *severity;
	uint64_t epoch;
	uint64_t id[2]; /* high, low */
	uint64_t seq;	/* of this message, contiguous */
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t count;
	uint64_t generation;	/* of the image that knew the indicator, or 0 */
	union pk_addr observer; /* all zero: the sensor itself */
	union pk_addr offender;
	union pk_addr target;
	uint32_t hold_sec;
	uint32_t sampling;
	uint8_t state; /* enum pk_threat_state */
	uint8_t plane; /* enum pk_plane, of the first evidence */
	uint8_t role;  /* enum pk_role; of indicators only */
	uint8_t depth; /* of the address pair, likewise; 0: the outermost */
	uint8_t confidence;
	struct pk_threat_flow flow;
	/* Detectors: as of the latest open or update. */
	struct pk_window_summary details;
	const struct pk_threat_indicator *indicator; /* NULL for detectors */
	const char *name; /* the DNS name seen, escaped as text; or NULL */
	const struct pk_threat_evidence *evidence; /* NULL: none was kept */
};

/* What a rule may look at before a threat opens. */
struct pk_threat_subject {
	const char *type;
	const union pk_addr *offender;
	const union pk_addr *target;
	const struct pk_threat_indicator *indicator; /* NULL for detectors */
	uint64_t at_ns;
};

typedef void pk_threat_sink_fn(void *arg, const struct pk_threat *threat);

/*
 * evidence = opened + folded + redundant + watched + expired + suppressed +
 *            no_memory
 * opened + revived = closed_quiet + closed_early + closed_end +
 *            closed_suppressed + open
 * told     = opened + updates + closed_*
 */
#define PK_THREAT_COUNTERS(_)                                             \
	_(evidence, "pieces of evidence offered")                         \
	_(opened, "of these, opened a threat")                            \
	_(folded, "of these, counted into an open threat")                \
	_(redundant, "of these, hits of an address whose threat is open") \
	_(watched, "of these, of indicators that are only watched")       \
	_(expired, "of these, of indicators that had ended")              \
	_(suppressed, "of these, opened none because of a rule")          \
	_(no_memory, "of these, lost for want of memory")                 \
	_(revived, "threats that were open before the start")             \
	_(updates, "updates told")                                        \
	_(closed_quiet, "threats closed after time without evidence")     \
	_(closed_early, "threats closed early for want of room")          \
	_(closed_end, "threats closed at the end")                        \
	_(closed_suppressed, "threats closed because of a new rule")      \
	_(open, "threats open now")                                       \
	_(told, "messages told")                                          \
	_(unresolved, "hits whose indicator the store did not know")      \
	_(mismatched, "hits whose indicator is of something else")

struct pk_threat_counters {
	PK_THREAT_COUNTERS(PK_COUNTER_FIELD)
};

/* What was seen of an indicator. */
struct pk_threat_seen {
	uint32_t slot;		   /* that a plane found; 0: none is known */
	uint16_t port;		   /* of @addr; 0: none */
	uint8_t ip6;		   /* @addr was in an IPv6 header */
	const union pk_addr *addr; /* NULL: a name was seen */
	const uint8_t *name;	   /* the wire name; "" when it is none */
	uint64_t at_ns;		   /* when: of a flow, its first packet */
};

struct pk_threats_conf {
	const char *sensor; /* borrowed for the life of the object */
	uint64_t epoch;	    /* constant in replay */
	uint64_t seq;	    /* of the latest message before this run */
	uint64_t seed;	    /* of the hash table; does not show */
	uint64_t mute_ns;   /* of indicator threats; 0: the default */
	uint32_t hold_sec;  /* of indicator threats; 0: the default */
	uint32_t capacity;  /* open threats; 0: the default */

	/*
	 * The indicator of what was seen (control/describe.h): 0; -ENOENT
	 * when there is none; -ESTALE when the slot's is of something else and
	 * no other covers it; -ETIME when all that cover it had ended. May be NULL. Asked once a threat.
	 */
	int (*indicator)(void *arg, const struct pk_threat_seen *seen,
			 struct pk_threat_indicator *out);
	void *arg;

	/* Does a rule suppress it? May be NULL: none does. */
	int (*suppressed)(void *arg, const struct pk_threat_subject *subject);
	void *suppressed_arg;

	pk_threat_sink_fn *sink; /* borrows the threat while it runs */
	void *sink_arg;
};

/* A flow that matched a detector. */
struct pk_threat_match {
	const struct pk_detector *detector;
	uint32_t index; /* of the detector, in its table */
	const struct pk_flow *flow;
	const struct pk_window *window;
	const struct pk_window_entry *entry; /* the key's window */
};

struct pk_threats;

/* 0, -EINVAL when sensor or sink is missing, or -ENOMEM. */
int pk_threats_new(struct pk_threats **out, const struct pk_threats_conf *conf);
void pk_threats_free(struct pk_threats *t); /* NULL is a no-op; tells nothing */

/* Evidence. Each first closes what is due at the record's seen_ns. */
void pk_threats_hit(struct pk_threats *t, const struct pk_hit *hit);
void pk_threats_flow(struct pk_threats *t, const struct pk_flow *flow);

/*
 * A match whose window passed the threshold, or whose threat is open. 1 when
 * it was taken as evidence, 0 when it is below the threshold.
 */
int pk_threats_match(struct pk_threats *t, const struct pk_threat_match *match);

/* It is @now_ns: close what is due. A time that goes back changes nothing. */
void pk_threats_advance(struct pk_threats *t, uint64_t now_ns);

/* Close all, in order of their due time. */
void pk_threats_close_all(struct pk_threats *t);

/* The rules have changed: close what they suppress, in order of opening. */
void pk_threats_suppress(struct pk_threats *t);

/* Show each open threat as it is, in order of opening; tells nothing. */
void pk_threats_each(const struct pk_threats *t, pk_threat_sink_fn *show,
		     void *arg);

/*
 * Over a restart. A threat that was open goes on under its id: what is told of
 * it next is an update or its end.
 */
struct pk_threats_past {
	/* A threat of one that is no more stays until it is due. */
	const struct pk_detector *detectors; /* as they are now */
	uint32_t detector_count;
	uint64_t now_ns; /* nothing saved is of later; UINT64_MAX in tests */
};

/*
 * Put some of the open threats into @w (control/checkpoint/checkpoint.h). What
 * is told while a pass goes on may be in it or not: see pk_threats_told().
 */
int pk_threats_save(struct pk_threats *t, struct pk_writer *w, uint64_t *at);

/*
 * Take what was saved, before any evidence, and be it more than there is room
 * for: see pk_threats_caught_up(). Tells nothing; what is due is
 * closed and told by the next pk_threats_advance(). 0, -EPROTO, -EBADMSG with
 * nothing taken, or -ENOMEM.
 */
int pk_threats_load(struct pk_threats *t, struct pk_reader *r,
		    const struct pk_threats_past *past);

/*
 * A message that was told in the earlier run, as control/encode.h writes it,
 * behind pk_threats_load(): all that were told since the saving began, in
 * order. What it says that is not known is taken from it: a threat that was
 * opened, how far it is, that it was closed. Such a threat has no evidence but
 * its targets, and of a detector the window as it was told. 0; -EBADMSG when it
 * is no message of a threat; or -ENOMEM.
 */
int pk_threats_told(struct pk_threats *t, const char *text, size_t len,
		    const struct pk_threats_past *past);

/*
 * All was taken. What does not fit is closed early, and told: the oldest when
 * there are too many, one whose end is not known though another with its key
 * opened since.
 */
void pk_threats_caught_up(struct pk_threats *t);

void pk_threats_count(const struct pk_threats *t,
		      struct pk_threat_counters *out);

#endif /* PK_CONTROL_THREAT_H */
