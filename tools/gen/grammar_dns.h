/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grammar_dns: DNS messages that lie, for tests that compare two readers.
 *
 * Name number @n is a function of the seed and @n alone, so that a test can
 * list some of them. Names have 1 to 127 labels of 1 to 63 bytes and share
 * their last labels with many others, and all of theirs with some. Questions
 * ask for a name, for one below or above it, or for one that differs in a
 * byte; letters are in any case; labels may hold dots, NULs and other bytes.
 * When they may, messages end early, have pointers or other label types in the
 * question, names beyond 255 bytes, and counts that lie.
 */
#ifndef PK_GEN_GRAMMAR_DNS_H
#define PK_GEN_GRAMMAR_DNS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PK_GRAMMAR_NAMES = 4096,
	PK_GRAMMAR_NAME_MAX = 255,
	PK_GRAMMAR_DNS_MAX = 1024,
};

/* Name @n in canonical wire form. Returns its length, at least 3. */
uint32_t pk_grammar_name(uint64_t seed, uint32_t n,
			 uint8_t wire[PK_GRAMMAR_NAME_MAX]);

/*
 * The message that @draw names; over TCP with its length in front. @clean:
 * nothing is wrong with it. Returns its length.
 */
uint32_t pk_grammar_dns(uint64_t seed, uint64_t draw, bool tcp, bool clean,
			uint8_t bytes[PK_GRAMMAR_DNS_MAX]);

#endif /* PK_GEN_GRAMMAR_DNS_H */
