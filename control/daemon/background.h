/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * background: threads that have time, beside the event loop that has none.
 */
#ifndef PK_CONTROL_BACKGROUND_H
#define PK_CONTROL_BACKGROUND_H

/* The calling thread is one: whoever else wants a core goes first. */
void pk_background(void);

#endif /* PK_CONTROL_BACKGROUND_H */
