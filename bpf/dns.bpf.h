/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dns, in the kernel: the bytes of a message were copied once, from wherever
 * they lie in the frame; here they are read and the name is looked up. For the
 * programs and for the bench that measures them.
 *
 * Global functions: the verifier takes them once, not once a caller's path.
 */
#ifndef PK_BPF_DNS_BPF_H
#define PK_BPF_DNS_BPF_H

#include "bpf/dns.h"
#include "bpf/maps.bpf.h"
#include "bpf/view.bpf.h"

/*
 * Read a payload of @len bytes, whose first PK_DNS_BYTES are in @d. Returns enum
 * pk_dns_reason.
 */
__noinline int read_question(struct pk_dns_scratch *d, __u32 len, __u32 tcp)
{
	if (!d)
		return PK_DNS_UNREADABLE;
	return pk_dns_payload(d->payload, len, tcp, &d->question);
}

struct name_loop {
	struct pk_view v;
	struct pk_dns_scratch *d;
	struct pk_dns_walk walk;
};

/* The message in the payload. */
static __always_inline const __u8 *message(const struct pk_dns_scratch *d)
{
	__u32 prefix = d->question.prefix;

	PK_OPAQUE(prefix);
	return d->payload + (prefix & PK_DNS_PREFIX);
}

/* A callback: the verifier takes a step once, not once a suffix. */
static long next_suffix(__u32 i, void *arg)
{
	struct name_loop *l = arg;

	(void)i;
	return !pk_dns_step(&l->v, message(l->d), &l->d->question, &l->walk);
}

/* The slot of the question in @d, which may turn out to be deep. */
__noinline __u32 find_question(struct pk_dns_scratch *d, __u64 word)
{
	struct name_loop l = { .d = d };

	if (!d || !word || pk_view_of(&l.v, word))
		return PK_NO_SLOT;
	pk_dns_begin(&l.v, &d->question, &l.walk);
	bpf_loop(PK_DNS_LABELS, next_suffix, &l, 0);
	return pk_dns_end(&d->question, &l.walk);
}

#endif /* PK_BPF_DNS_BPF_H */
