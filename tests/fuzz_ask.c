/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a request to the replay server. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/bus.h"
#include "control/bus/ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What is taken holds what it promises, and can be asked again. */
static void check(const struct pk_ask *a)
{
	char text[PK_ASK_MAX];
	struct pk_ask again;
	const char *why;
	int n;

	if (a->op >= PK_ASK_OP_COUNT || (a->op != PK_ASK_HELLO && !a->has_id) ||
	    a->id > INT64_MAX || a->credit > PK_ASK_CREDIT_MAX)
		abort();
	if (a->op == PK_ASK_REPLAY &&
	    (!a->from || (a->to && a->to < a->from) || a->from > INT64_MAX ||
	     a->to > INT64_MAX || !pk_bus_journaled(a->class)))
		abort();
	n = pk_ask_encode(a, text, sizeof(text));
	if (n <= 0 || pk_ask_parse(&again, text, (size_t)n, &why))
		abort();
	/* the id of a greeting is not asked again */
	if (a->op == PK_ASK_HELLO)
		return;
	if (again.op != a->op || again.id != a->id || again.from != a->from ||
	    again.to != a->to || again.class != a->class ||
	    again.credit != a->credit)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct pk_ask ask;
	const char *why = NULL;
	/* exactly as long, so that a byte too much is seen */
	char *text = malloc(len ? len : 1);

	if (!text)
		return 0;
	memcpy(text, bytes, len);
	if (!pk_ask_parse(&ask, text, len, &why))
		check(&ask);
	else if (!why || !*why)
		abort();
	free(text);
	return 0;
}
