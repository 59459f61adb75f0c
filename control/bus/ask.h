/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ask: what subscribers ask of the replay server: one JSON object a request.
 *
 *	{"op":"hello"}
 *	{"op":"replay","id":N,"class":"threat","from":A,"to":B,"credit":C}
 *	{"op":"credit","id":N,"credit":C}
 *	{"op":"cancel","id":N}
 *
 * Numbers are integers from 0 to 2^63 - 1; "from" is at least 1; "to" is 0 or
 * missing for all there is, else not less than "from"; "credit" is at most
 * PK_ASK_CREDIT_MAX. Names that are not known are passed over.
 */
#ifndef PK_CONTROL_ASK_H
#define PK_CONTROL_ASK_H

#include <stddef.h>
#include <stdint.h>

enum {
	PK_ASK_MAX = 1024,	   /* bytes of a request */
	PK_ASK_CREDIT_MAX = 65536, /* messages */
};

#define PK_ASK_OPS(_)     \
	_(HELLO, hello)   \
	_(REPLAY, replay) \
	_(CREDIT, credit) \
	_(CANCEL, cancel)

#define PK_ASK_ENUM(name, word) PK_ASK_##name,
enum pk_ask_op { PK_ASK_OPS(PK_ASK_ENUM) PK_ASK_OP_COUNT };

struct pk_ask {
	enum pk_ask_op op;
	int has_id;
	uint64_t id;
	int class; /* enum pk_bus_class */
	uint64_t from;
	uint64_t to;
	uint64_t credit;
};

/*
 * 0; -EINVAL with a constant sentence in *@why; -ENOMEM likewise. After a
 * failure @out has the id, if there was one.
 */
int pk_ask_parse(struct pk_ask *out, const char *text, size_t len,
		 const char **why);

/* As text, NUL-terminated: its length, or -ENOSPC. */
int pk_ask_encode(const struct pk_ask *ask, char *out, size_t size);

#endif /* PK_CONTROL_ASK_H */
