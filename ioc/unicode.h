/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unicode: what of it may stand in an indicator.
 *
 * Reports are copied from web pages and documents, and criminals write names
 * that look like others. What cannot be seen (zero width, direction marks,
 * tags), what only looks like ASCII (full-width forms, styled letters) is
 * refused and never folded: a list must not match what nobody read in it.
 */
#ifndef PK_IOC_UNICODE_H
#define PK_IOC_UNICODE_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/refused.h"

/* PK_REFUSED_NONE, ENCODING (not UTF-8), or CONFUSABLE. ASCII is always NONE. */
enum pk_refused pk_unicode_check(const char *text, size_t len);

/*
 * The same for a name: CONFUSABLE also when a label mixes ASCII letters with
 * Greek, Cyrillic or another script that has letters of the same shape.
 */
enum pk_refused pk_unicode_check_name(const char *text, size_t len);

/* Bytes below 0x20, or 0x7f? */
int pk_unicode_has_control(const char *text, size_t len);

/* The character at *@at, which moves behind it; UINT32_MAX: not UTF-8. */
uint32_t pk_unicode_next(const char *text, size_t len, size_t *at);

#endif /* PK_IOC_UNICODE_H */
