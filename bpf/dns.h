/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dns: the question of a DNS message, and whether its name is listed.
 *
 * A message is what a UDP datagram from or to port 53 carries. Over TCP, it is
 * what a segment of port 53 begins with: two bytes of length (RFC 1035 4.2.2)
 * that leave room for a question, and a header with one question; or such a
 * header alone, because some send the length in a segment of its own (RFC 7766
 * 8). That finds the first message of a connection and every other that a
 * segment begins with. A segment that ends before the question does is counted
 * (dns_tcp_split), and so are those that begin with no message (dns_tcp_other);
 * they are left to whoever puts streams together. Multicast DNS and LLMNR have
 * other ports.
 *
 * Only a message's header and its question are read. One with more questions
 * (dns_more_questions) is left to user space, which reads them all; so is a
 * segment with more messages (dns_tcp_more; RFC 7766 6.2.1.1). A compression
 * pointer in the first question (RFC 1035 4.1.4) has nothing decent to point
 * at, but some servers follow it: the kernel does not, and user space, which
 * gets the message, does (see dataplane/inspect/dns.h). Every message ends in
 * one reason, and each reason is a counter.
 *
 * The walk goes from the last label to the first, over at most PK_DNS_LABELS
 * suffixes, and ends at the first one that no indicator has. It finds what
 * pk_name_find() of ioc/image/lookup.h finds. A name that has more labels and
 * whose suffixes were all known is deep: user space looks it up.
 *
 * One source for the kernel and user space. Nothing is copied or folded ahead:
 * the eight bytes at hand are, on their way into the hash. Loads reach at most
 * 8 bytes back from a byte of the name, where the header stands; the masks let
 * the verifier see that none goes beyond PK_DNS_ROOM.
 *
 * Standards: RFC 1035 sections 3.1, 4.1.1, 4.1.2, 4.1.4, 4.2.2; RFC 4343 (only
 * ASCII letters are folded); RFC 6891 for label types.
 */
#ifndef PK_BPF_DNS_H
#define PK_BPF_DNS_H

#include "bpf/abi.h"
#include "bpf/image.h"
#include "bpf/tunnel.h"

/* How a message ended: the reason, the counter, why. */
#define PK_DNS_REASONS(_)                                                      \
	_(OK, dns_names, "question read")                                      \
	_(SHORT, dns_short, "ends inside the header or the question")          \
	_(NO_QUESTION, dns_no_question, "QDCOUNT is 0")                        \
	_(LABEL_TYPE, dns_label_type,                                          \
	  "label type 0x40 or 0x80 in the question")                           \
	_(POINTER, dns_pointer, "compression pointer in the question")         \
	_(NAME_LENGTH, dns_name_length, "question name longer than 255 bytes") \
	_(DEEP, dns_deep, "question read, too many labels to look up")         \
	_(TCP_SPLIT, dns_tcp_split, "segment that ends before the question")   \
	_(TCP_OTHER, dns_tcp_other, "segment that begins with no message")     \
	_(MORE, dns_more_questions, "question read, others follow it")         \
	_(TCP_MORE, dns_tcp_more, "segment with more messages than one")       \
	_(UNREADABLE, dns_unreadable, "bytes of it could not be read")

#define PK_DNS_REASON_ENUM(name, counter, text) PK_DNS_##name,
enum pk_dns_reason { PK_DNS_REASONS(PK_DNS_REASON_ENUM) PK_DNS_REASON_COUNT };

enum {
	PK_DNS_HEADER = 12,
	PK_DNS_NAME_MAX = 255, /* RFC 1035 2.3.4, root byte included */
	PK_DNS_TYPE_CLASS = 4,
	PK_DNS_LEAST = PK_DNS_HEADER + 1 + PK_DNS_TYPE_CLASS, /* of a message */
	PK_DNS_QUESTIONS = 16, /* that are read of one message, in user space */
	PK_DNS_LABELS_MAX = 127,
	PK_DNS_PREFIX = 2, /* the length in front of a message over TCP */
	PK_DNS_UDP = 17,
	PK_DNS_TCP = 6,
	PK_DNS_TYPE_BITS = 0xc0, /* of a label's first byte */
	/* The longest question, with a prefix. */
	PK_DNS_BYTES = PK_DNS_PREFIX + PK_DNS_HEADER + PK_DNS_NAME_MAX +
		       PK_DNS_TYPE_CLASS,
	/* Bytes behind a message's first one that a masked load may touch. */
	PK_DNS_AT = 511,
	PK_DNS_ROOM = PK_DNS_PREFIX + PK_DNS_AT + 1 + 8,
};

/* A question: where its name is. */
struct pk_question {
	__u16 name_len; /* in the message; root byte included; 1: the root */
	__u16 left;	/* bytes of the message that are here */
	__u8 labels;
	__u8 reason; /* enum pk_dns_reason */
	__u8 prefix; /* bytes of the payload in front of the message */
	__u8 cut;    /* it may go on in another segment */
	__u8 pad[4];
	/* The length bytes of the labels, counted from the name's first one. */
	__u8 start[PK_DNS_LABELS_MAX + 1];
};

enum { PK_DNS_QUESTION_HEAD = 12 }; /* bytes before start[] */

/* A payload of which a copy was made, with room for what stands before it. */
enum { PK_DNS_FRONT = 8 };

struct pk_dns_scratch {
	struct pk_question question;
	__u8 front[PK_DNS_FRONT];
	__u8 payload[PK_DNS_ROOM];
} __attribute__((aligned(8)));

/* --- where a message is --------------------------------------------------- */

/* Does the packet carry DNS, or a part of it? */
PK_INLINE int pk_is_dns(const struct pk_packet *p)
{
	if (!(p->layers & PK_HAS_PAYLOAD) ||
	    (p->key.sport != PK_PORT_DNS && p->key.dport != PK_PORT_DNS))
		return 0;
	return p->key.proto == PK_DNS_UDP ||
	       (p->key.proto == PK_DNS_TCP && p->payload_len);
}

PK_INLINE int pk_dns_is_tcp(const struct pk_packet *p)
{
	return p->key.proto == PK_DNS_TCP;
}

/* The bytes of the payload that a frame of @frame_len bytes has. */
PK_INLINE __u32 pk_dns_bytes(const struct pk_packet *p, __u32 frame_len)
{
	__u32 n = frame_len > p->payload_off ? frame_len - p->payload_off : 0;

	return n < p->payload_len ? n : p->payload_len;
}

/* The bytes of a frame up to the end of the question, or of the last one. */
PK_INLINE __u32 pk_dns_frame_bytes(const struct pk_packet *p,
				   const struct pk_question *q)
{
	if (q->reason == PK_DNS_MORE || q->reason == PK_DNS_TCP_MORE)
		return (__u32)p->payload_off + p->payload_len;
	return p->payload_off + q->prefix + PK_DNS_HEADER + q->name_len +
	       PK_DNS_TYPE_CLASS;
}

/* --- the question --------------------------------------------------------- */

PK_INLINE __u32 pk_dns_byte(const __u8 *msg, __u32 at)
{
	PK_OPAQUE(at);
	return msg[at & PK_DNS_AT];
}

/*
 * Walk the labels of a name, up to its root or to a pointer. Its length decides
 * before the end of the message: both are looked at before a label is stepped
 * over.
 */
PK_INLINE int pk_dns_name(const __u8 *msg, __u32 len, struct pk_question *q)
{
	__u32 at = PK_DNS_HEADER, n, i;

	for (i = 0; i <= PK_DNS_LABELS_MAX; i++) {
		if (at >= len)
			return PK_DNS_SHORT;
		n = pk_dns_byte(msg, at);
		if (n >= PK_DNS_TYPE_BITS) {
			q->name_len = (__u16)(at + 2 - PK_DNS_HEADER);
			return PK_DNS_POINTER;
		}
		if (n & PK_DNS_TYPE_BITS)
			return PK_DNS_LABEL_TYPE;
		if (!n)
			break;
		q->start[i] = (__u8)(at - PK_DNS_HEADER);
		at += 1 + n;
		/* The root byte, still to come, counts. */
		if (at + 1 > PK_DNS_HEADER + PK_DNS_NAME_MAX)
			return PK_DNS_NAME_LENGTH;
	}
	if (len - at < 1 + PK_DNS_TYPE_CLASS)
		return PK_DNS_SHORT;
	q->labels = (__u8)i;
	q->name_len = (__u16)(at + 1 - PK_DNS_HEADER);
	return PK_DNS_OK;
}

/*
 * Read the message of @len bytes at @msg: the reason. name_len is valid when it
 * is PK_DNS_OK or PK_DNS_POINTER, labels and start[] when it is PK_DNS_OK.
 */
PK_INLINE int pk_dns_read(const __u8 *msg, __u32 len, struct pk_question *q)
{
	int reason;

	if (len < PK_DNS_HEADER)
		return PK_DNS_SHORT;
	if (!(msg[4] | msg[5]))
		return PK_DNS_NO_QUESTION;
	reason = pk_dns_name(msg, len, q);
	if (reason != PK_DNS_OK && reason != PK_DNS_POINTER)
		return reason;
	return msg[4] | msg[5] >> 1 ? PK_DNS_MORE : reason;
}

/* Over TCP @payload has PK_DNS_PREFIX + PK_DNS_HEADER bytes at least. */
PK_INLINE __u32 pk_dns_said(const __u8 *payload)
{
	return (__u32)payload[0] << 8 | payload[1];
}

/* Has it one question, and its length in front? */
PK_INLINE int pk_dns_is_start(const __u8 *payload)
{
	return (pk_dns_said(payload) > PK_DNS_HEADER + PK_DNS_TYPE_CLASS) &
	       !payload[6] & (payload[7] == 1);
}

/* Has it a few, the operation QUERY, and its length in front, and is whole? */
PK_INLINE int pk_dns_is_many(const __u8 *payload, __u32 len)
{
	__u32 said = pk_dns_said(payload);
	int fits = said > PK_DNS_HEADER + PK_DNS_TYPE_CLASS &&
		   said <= len - PK_DNS_PREFIX;

	return fits & !(payload[4] & 0x78) & !payload[6] &
	       ((__u8)(payload[7] - 2) <= PK_DNS_QUESTIONS - 2);
}

/* Has it one question, nothing in front, and the operation QUERY? */
PK_INLINE int pk_dns_is_bare(const __u8 *payload)
{
	return !payload[4] & (payload[5] == 1) & !(payload[2] & 0x78);
}

/*
 * Where the message of a segment of @len bytes is, or why there is none, or
 * that there are more.
 */
PK_INLINE int pk_dns_segment(const __u8 *payload, __u32 len,
			     struct pk_question *q)
{
	__u32 start, said;

	q->cut = 1;
	if (len < PK_DNS_PREFIX + PK_DNS_HEADER)
		return PK_DNS_TCP_SPLIT;
	start = (__u32)(pk_dns_is_start(payload) |
			pk_dns_is_many(payload, len));
	if (!start) /* the length came before, so the end is not known */
		return pk_dns_is_bare(payload) ? PK_DNS_OK : PK_DNS_TCP_OTHER;
	said = pk_dns_said(payload);
	q->prefix = PK_DNS_PREFIX;
	q->left = (__u16)(len - PK_DNS_PREFIX);
	if (said > q->left)
		return PK_DNS_OK;
	start = q->left - said; /* what follows the message */
	q->left = (__u16)said;
	q->cut = 0;
	return start < PK_DNS_PREFIX + PK_DNS_LEAST ? PK_DNS_OK
						    : PK_DNS_TCP_MORE;
}

/*
 * Read a payload of @len bytes, a datagram's or a segment's (@tcp), of which
 * the first PK_DNS_BYTES are enough to be there. The reason
 * is returned and kept in @q; pk_dns_read() says what else is valid. The message
 * begins q->prefix bytes behind @payload. Between where it is and what it says the
 * verifier's paths meet: what it knows of them is forgotten in memory.
 */
PK_INLINE int pk_dns_payload(const __u8 *payload, __u32 len, int tcp,
			     struct pk_question *q)
{
	int reason = PK_DNS_OK;

	__builtin_memset(q, 0, PK_DNS_QUESTION_HEAD);
	q->left = (__u16)len;
	if (tcp)
		reason = pk_dns_segment(payload, len, q);
	if (reason == PK_DNS_OK) {
		PK_FORGET();
		reason = pk_dns_read(payload + (q->prefix & PK_DNS_PREFIX),
				     q->left, q);
		if (reason == PK_DNS_SHORT && q->cut)
			reason = PK_DNS_TCP_SPLIT;
	}
	q->reason = (__u8)reason;
	return reason;
}

/* More bytes that are not at hand might have told more. */
PK_INLINE int pk_dns_cut_reason(int reason)
{
	return reason == PK_DNS_SHORT || reason == PK_DNS_TCP_SPLIT
		       ? PK_DNS_UNREADABLE
		       : reason;
}

/* Can only user space tell what is asked for? */
PK_INLINE int pk_dns_is_open(int reason)
{
	return reason == PK_DNS_DEEP || reason == PK_DNS_POINTER ||
	       reason == PK_DNS_MORE || reason == PK_DNS_TCP_MORE;
}

/* --- the name -------------------------------------------------------------- */

/* Eight bytes with ASCII letters in lower case; others are left alone. */
PK_INLINE __u64 pk_fold_word(__u64 word)
{
	const __u64 ones = 0x0101010101010101ULL;
	__u64 low = word & 0x7f * ones;
	__u64 upper = (low + (0x80 - 'A') * ones) &
		      ~(low + (0x80 - 'Z' - 1) * ones) & ~word & 0x80 * ones;

	return word | upper >> 2;
}

/* Any alignment; little endian like all of picket. */
PK_INLINE __u64 pk_dns_word(const __u8 *msg, __u32 at)
{
	__u64 word;

#ifdef __bpf__
	PK_OPAQUE(at);
	word = *(const __u64 *)(msg + (at & PK_DNS_AT));
#else
	__builtin_memcpy(&word, msg + at, 8);
#endif
	return pk_fold_word(word);
}

/*
 * The step of pk_name_step() over the label whose length byte is at @at. Its
 * last 1 to 8 bytes are loaded from behind. Most labels have at most 16 bytes:
 * for those there is nothing to be guessed by the processor.
 */
PK_INLINE __u64 pk_dns_join(__u64 hash, const __u8 *msg, __u32 at)
{
	__u32 len = pk_dns_byte(msg, at), end = at + 1 + len;
	__u64 h = hash + (len + 1) * 0x9e3779b97f4a7c15ULL;
	__u64 two = 8ULL - len; /* below 0 if there are two words or more */

	PK_OPAQUE(two);
	two = 0 - (two >> 63);
	at++;
	for (int i = 0; i < 6 && end - at > 16; i++, at += 8)
		h = pk_mix(h ^ pk_dns_word(msg, at));
	/* With 8 bytes or less the word at hand is not part of the hash. */
	h = (pk_mix(h ^ pk_dns_word(msg, at & (__u32)two)) & two) | (h & ~two);
	return pk_mix(h ^
		      pk_dns_word(msg, end - 8) >> (56 - 8 * ((len - 1) & 7)));
}

/* Kinds of names: bits of what an image has with a number of labels. */
enum {
	PK_NAMES_EXACT = 0,
	PK_NAMES_SUBDOMAINS = 1,
	PK_NAMES_ONE_LABEL = 2,
	PK_NAMES_LABELS = 31, /* and more */
};

PK_INLINE __u32 pk_view_has_names(const struct pk_view *v, __u32 kind,
				  __u32 labels)
{
	return (v->base_head->name_labels[kind] |
		v->delta_head->name_labels[kind]) >>
		       labels &
	       1;
}

/* As pk_view_name(), with the filters' answers at hand. */
PK_INLINE __u32 pk_view_known_name(const struct pk_view *v, __u32 known,
				   __u64 key)
{
	__u32 id = 0;

	if (known & PK_IN_DELTA)
		id = pk_exact_name(v->delta, v->delta_head, key);
	if (!id && known & PK_IN_BASE)
		id = pk_exact_name(v->base, v->base_head, key);
	return id & PK_SLOT_MAX;
}

/*
 * What the suffix of @labels labels says of a name that has @more in front of
 * them: that it is the name, the parent of it, or that it covers subdomains.
 */
PK_INLINE __u32 pk_view_suffix(const struct pk_view *v, __u64 hash, __u32 known,
			       __u32 labels, __u32 more)
{
	__u32 slot = PK_NO_SLOT;

	if (more <= 1 &&
	    pk_view_has_names(v, more ? PK_NAMES_ONE_LABEL : PK_NAMES_EXACT,
			      labels))
		slot = pk_view_known_name(
			v, known, more ? pk_name_one_label(hash) : hash);
	if (!slot && pk_view_has_names(v, PK_NAMES_SUBDOMAINS, labels))
		slot = pk_view_known_name(v, known, pk_name_subdomains(hash));
	return slot;
}

/*
 * A walk over the suffixes, from the shortest: begin; step until it returns 0
 * or PK_DNS_LABELS times; end. In the kernel a step is a callback; in bursts
 * the filter's line is fetched between the halves of a step.
 */
struct pk_dns_walk {
	__u64 hash;
	__u32 slot; /* of the longest suffix that is listed */
	__u16 left; /* labels not yet joined */
	__u8 known; /* the suffix at hand may have more in front of it */
	__u8 labels;
};

PK_INLINE void pk_dns_begin(const struct pk_view *v,
			    const struct pk_question *q, struct pk_dns_walk *w)
{
	w->hash = pk_name_begin(v->base_head->seed);
	w->slot = PK_NO_SLOT;
	w->left = q->labels;
	w->known = 0;
	w->labels = 0;
}

/* Join one label more. 0 when there is none. */
PK_INLINE int pk_dns_next(const __u8 *msg, const struct pk_question *q,
			  struct pk_dns_walk *w)
{
	__u32 left = w->left;

	if (!left)
		return 0;
	left--;
	PK_OPAQUE(left);
	left &= PK_DNS_LABELS_MAX;
	w->left = (__u16)left;
	w->labels++;
	w->hash = pk_dns_join(w->hash, msg, PK_DNS_HEADER + q->start[left]);
	return 1;
}

/* What the suffix at hand says. 0 when no indicator has it. */
PK_INLINE int pk_dns_look(const struct pk_view *v, struct pk_dns_walk *w)
{
	__u32 known = pk_view_passes(v, w->hash), slot;

	w->known = (__u8)known;
	if (!known)
		return 0;
	slot = pk_view_suffix(v, w->hash, known, w->labels, w->left);
	if (slot)
		w->slot = slot;
	return 1;
}

/* One suffix more. 0 when the walk ends at it. */
PK_INLINE int pk_dns_step(const struct pk_view *v, const __u8 *msg,
			  const struct pk_question *q, struct pk_dns_walk *w)
{
	return pk_dns_next(msg, q, w) && pk_dns_look(v, w);
}

/*
 * The slot, or PK_NO_SLOT; the question becomes PK_DNS_DEEP if labels are left
 * that may belong to an indicator, whatever was found before them.
 */
PK_INLINE __u32 pk_dns_end(struct pk_question *q, const struct pk_dns_walk *w)
{
	if (!w->known || !w->left)
		return w->slot;
	q->reason = PK_DNS_DEEP;
	return PK_NO_SLOT;
}

/* All steps that are left. */
PK_INLINE void pk_dns_walk_on(const struct pk_view *v, const __u8 *msg,
			      const struct pk_question *q,
			      struct pk_dns_walk *w)
{
	while (w->labels < PK_DNS_LABELS && pk_dns_step(v, msg, q, w))
		;
}

/*
 * The slot of the most specific indicator that covers the question read from
 * @msg, or PK_NO_SLOT; q->reason becomes PK_DNS_DEEP, and the slot is
 * PK_NO_SLOT, when that cannot be told from the first PK_DNS_LABELS suffixes.
 */
PK_INLINE __u32 pk_dns_find(const struct pk_view *v, const __u8 *msg,
			    struct pk_question *q)
{
	struct pk_dns_walk w;

	pk_dns_begin(v, q, &w);
	pk_dns_walk_on(v, msg, q, &w);
	return pk_dns_end(q, &w);
}

/* --- counting -------------------------------------------------------------- */

/* The one place where the end of a message is counted. */
PK_INLINE void pk_dns_count(struct pk_plane_counters *count,
			    const struct pk_question *q)
{
	count->dns_messages++;
#define PK_DNS_CASE(name, counter, text) \
	case PK_DNS_##name:              \
		count->counter++;        \
		break;
	switch (q->reason) {
		PK_DNS_REASONS(PK_DNS_CASE)
	}
#undef PK_DNS_CASE
}

#endif /* PK_BPF_DNS_H */
