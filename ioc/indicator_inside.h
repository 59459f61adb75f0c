/* SPDX-License-Identifier: BSD-2-Clause */
/* indicator_inside: what the files behind ioc/indicator.h share. */
#ifndef PK_IOC_INDICATOR_INSIDE_H
#define PK_IOC_INDICATOR_INSIDE_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/indicator.h"

/* Any address or prefix; *@notes gets PK_NOTE_HOST_BITS. */
enum pk_refused pk_indicator_read_addr(struct pk_indicator *ind,
				       const char *text, size_t len,
				       unsigned *notes);
/* Address and port. */
enum pk_refused pk_indicator_read_endpoint(struct pk_indicator *ind,
					   const char *text, size_t len);
/* Whatever it looks like. */
enum pk_refused pk_indicator_read_any(struct pk_indicator *ind,
				      const char *text, size_t len,
				      unsigned *notes);

/* An address of exactly @len bytes; IPv4 becomes mapped. 0 or -EINVAL. */
int pk_addr_read(union pk_addr *addr, const char *text, size_t len);

/* A number of at most 5 digits in 1 .. 65535, or 0. */
unsigned pk_port_read(const char *text, size_t len);

#endif /* PK_IOC_INDICATOR_INSIDE_H */
