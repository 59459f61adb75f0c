/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * short_memory: allocations that fail when the test says so, and how many are
 * not freed. For one source of a test; not with a sanitizer, which has an
 * allocator of its own.
 */
#ifndef PK_TESTS_SHORT_MEMORY_H
#define PK_TESTS_SHORT_MEMORY_H

#ifndef __SANITIZE_ADDRESS__
#include <stddef.h>

extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_malloc(size_t size);
extern void __libc_free(void *p);
static int fail_in = -1; /* this one fails, counted from 0; -1: none */
static long live;

void *calloc(size_t n, size_t size)
{
	if (fail_in >= 0 && fail_in-- == 0)
		return NULL;
	live++;
	return __libc_calloc(n, size);
}

void *malloc(size_t size)
{
	if (fail_in >= 0 && fail_in-- == 0)
		return NULL;
	live++;
	return __libc_malloc(size);
}

void free(void *p)
{
	live -= p != NULL;
	__libc_free(p);
}
#endif

#endif /* PK_TESTS_SHORT_MEMORY_H */
