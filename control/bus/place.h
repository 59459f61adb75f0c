/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place: may a socket be bound at a path? ZeroMQ removes whatever is there.
 *
 * What is there must be a socket (no link to one) of this user that nobody
 * listens on any more. The folder is taken to be this user's alone: what
 * happens between the question and the bind is not seen.
 */
#ifndef PK_CONTROL_PLACE_H
#define PK_CONTROL_PLACE_H

/*
 * 0 when nothing is there, or what may be replaced; -EEXIST when it is no
 * socket, -EPERM when it is another user's, -EADDRINUSE when somebody listens,
 * -errno; the sentence is logged.
 */
int pk_place_check(const char *path);

#endif /* PK_CONTROL_PLACE_H */
