/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * say: how a lower folder speaks a sentence during set-up.
 *
 * Only control/ and tools/ log. A function that knows the sentence takes a
 * pk_say_fn and its argument and does not know where the sentence goes; NULL
 * means that nobody listens. A sentence has no newline and names the object,
 * the reason and the remedy. Never on a hot path.
 */
#ifndef PK_IOC_SAY_H
#define PK_IOC_SAY_H

#include <stdarg.h>
#include <stdio.h>

enum { PK_SAY_MAX = 512 }; /* bytes of a sentence, its NUL included */

typedef void pk_say_fn(void *arg, const char *sentence);

/* Format a sentence and say it; cut at PK_SAY_MAX. */
__attribute__((format(printf, 3, 4))) static inline void pk_say(
	pk_say_fn *say, void *arg, const char *format, ...)
{
	char sentence[PK_SAY_MAX];
	va_list args;

	if (!say)
		return;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	say(arg, sentence);
}

#endif /* PK_IOC_SAY_H */
