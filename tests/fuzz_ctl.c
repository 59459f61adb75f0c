/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a request line and the heads of its chunks. */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* As the server does: heads, and the bytes they promise, until the end. */
static void upload(uint64_t total, const uint8_t *p, size_t left)
{
	struct pk_ctl_upload u = { .bytes = total };
	struct pk_ctl_refusal why;

	while (!pk_ctl_upload_done(&u)) {
		if (left < PK_CTL_CHUNK_HEAD || pk_ctl_upload_head(&u, p, &why))
			return;
		p += PK_CTL_CHUNK_HEAD;
		left -= PK_CTL_CHUNK_HEAD;
		if (!u.left || u.left > PK_CTL_CHUNK_MAX || u.begun > u.bytes)
			abort();
		if (left < u.left)
			return;
		p += u.left;
		left -= u.left;
		u.left = 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const uint8_t *eol = len ? memchr(bytes, '\n', len) : NULL;
	size_t line = eol ? (size_t)(eol - bytes) : len;
	struct pk_ctl_request r;
	struct pk_ctl_refusal why = { .code = PK_CTL_CODE_COUNT };

	if (pk_ctl_request_parse(&r, (const char *)bytes, line, &why)) {
		if (why.code >= PK_CTL_CODE_COUNT || !*why.message)
			abort();
	} else {
		if (!*r.op || !json_object_is_type(r.args, json_type_object))
			abort();
		if (eol)
			upload(r.bytes, eol + 1, len - line - 1);
	}
	pk_ctl_request_fini(&r);
	return 0;
}
