/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/schema/schema.h"

#include <string.h>

#define SCHEMAS(_)                     \
	_(threat, "v1/threat/<type>/") \
	_(hit, "v1/hit/<kind>/")       \
	_(flow, "")                    \
	_(stats, "v1/stats/")          \
	_(hb, "v1/hb/")                \
	_(hello, "v1/hello/")          \
	_(gap, "v1/gap/")              \
	_(end, "v1/end/")              \
	_(error, "v1/error/")          \
	_(eve, "")                     \
	_(ecs, "")                     \
	_(sdn, "")

/* The documents of this folder; the compiler runs above control/. */
#define EMBED(word, topic)                                           \
	__asm__(".pushsection .rodata\n"                             \
		".global pk_schema_text_" #word "\n"                 \
		"pk_schema_text_" #word ":\n"                        \
		".incbin \"control/schema/" #word ".schema.json\"\n" \
		".byte 0\n"                                          \
		".popsection\n");                                    \
	extern const char pk_schema_text_##word[]                    \
		__attribute__((visibility("hidden")));
SCHEMAS(EMBED)

#define ROW(word, topic) { #word, topic, pk_schema_text_##word },
static const struct pk_schema schemas[] = { SCHEMAS(ROW) };

const struct pk_schema *pk_schema_at(size_t i)
{
	return i < sizeof(schemas) / sizeof(*schemas) ? &schemas[i] : NULL;
}

const struct pk_schema *pk_schema_find(const char *word)
{
	for (size_t i = 0; i < sizeof(schemas) / sizeof(*schemas); i++)
		if (!strcmp(schemas[i].word, word))
			return &schemas[i];
	return NULL;
}
