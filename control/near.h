/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * near: how far one word is from another, for "did you mean".
 */
#ifndef PK_CONTROL_NEAR_H
#define PK_CONTROL_NEAR_H

enum { PK_NEAR_MAX = 64 }; /* longer words are cut for the comparison */

/*
 * The edits (insert, delete, replace, swap of neighbours; each 1) that make
 * @a into @b. O(length of @a * length of @b), no allocation.
 */
unsigned pk_near(const char *a, const char *b);

#endif /* PK_CONTROL_NEAR_H */
