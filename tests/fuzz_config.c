/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a configuration file: an error has a sentence. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct pk_config *c = NULL;
	char err[200] = "";

	if (pk_config_parse(&c, "f", (const char *)bytes, len, err,
			    sizeof(err)) &&
	    (c || strncmp(err, "f:", 2) != 0))
		abort();
	pk_config_free(c);
	return 0;
}
