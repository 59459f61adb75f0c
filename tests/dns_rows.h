/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_rows: DNS messages by hand, for user space and for the kernel.
 */
#ifndef PK_TESTS_DNS_ROWS_H
#define PK_TESTS_DNS_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bpf/dns.h"

enum { MESSAGE_MAX = 1024 };

/* id 0x1234, a query with RD, @questions questions. */
#define QUERY(questions) "1234 0100 " questions " 0000 0000 0000 "
#define A_IN		 " 0001 0001"
#define L63                                                                 \
	"3f 61616161616161616161616161616161616161616161616161616161616161" \
	"6161616161616161616161616161616161616161616161616161616161616161 "
#define L62                                                                 \
	"3e 61616161616161616161616161616161616161616161616161616161616161" \
	"61616161616161616161616161616161616161616161616161616161616161 "
#define L61                                                                 \
	"3d 61616161616161616161616161616161616161616161616161616161616161" \
	"616161616161616161616161616161616161616161616161616161616161 "

/* Rows of RELIABILITY.md 3.4 as far as the question goes, and edges. */
static const struct {
	const char *what;
	const char *hex;
	enum pk_dns_reason reason; /* by bpf/dns.h, in the kernel */
	uint16_t name_len; /* of a pointer: of what user space unpacks, or 0 */
} dns_rows[] = {
	{ "a plain question",
	  QUERY("0001") "07 6578616d706c65 03 636f6d 00" A_IN, PK_DNS_OK, 13 },
	{ "the root", QUERY("0001") "00 0002 0001", PK_DNS_OK, 1 },
	{ "one label", QUERY("0001") "01 61 00" A_IN, PK_DNS_OK, 3 },
	{ "N01 a pointer to itself", QUERY("0001") "c00c" A_IN, PK_DNS_POINTER,
	  0 },
	{ "N02 a cycle of two", QUERY("0001") "c00e c00c" A_IN, PK_DNS_POINTER,
	  0 },
	{ "N02 a pointer forward", QUERY("0001") "c0ff" A_IN, PK_DNS_POINTER,
	  0 },
	{ "N02 a pointer into the header", QUERY("0001") "c002" A_IN,
	  PK_DNS_POINTER, 3 },
	{ "N02 a label, and a pointer to a zero of the header",
	  QUERY("0001") "04 6576696c c006" A_IN, PK_DNS_POINTER, 6 },
	{ "N02 a pointer into a label before it",
	  QUERY("0001") "03 016100 c00d" A_IN, PK_DNS_POINTER, 7 },
	{ "N02 a pointer to a header that points on",
	  "c004 0100 0001 0000 0000 0000 c002" A_IN, PK_DNS_POINTER, 3 },
	{ "N02 a pointer to half a pointer in front of it",
	  "1234 0100 0001 0000 0000 00c0 c00b" A_IN, PK_DNS_POINTER, 0 },
	{ "N02 a pointer back to one that leads forward",
	  "c00d 0100 0001 0000 0000 0000 03 016100 c000" A_IN, PK_DNS_POINTER,
	  0 },
	{ "N02 a pointer to a label of type 0x40",
	  "4100 0100 0001 0000 0000 0000 c000" A_IN, PK_DNS_POINTER, 0 },
	{ "N02 a pointer without type and class", QUERY("0001") "01 61 c006",
	  PK_DNS_POINTER, 0 },
	{ "N04 255 bytes by a pointer",
	  QUERY("0001") L63 L63 L63 L61 "c006" A_IN, PK_DNS_POINTER, 255 },
	{ "N02 a pointer behind a label", QUERY("0001") "01 61 c00c" A_IN,
	  PK_DNS_POINTER, 0 },
	{ "a pointer's first byte as the last one", QUERY("0001") "c0",
	  PK_DNS_POINTER, 0 },
	{ "N03 label type 0x40", QUERY("0001") "41 0a0b 00" A_IN,
	  PK_DNS_LABEL_TYPE, 0 },
	{ "N03 label type 0x80", QUERY("0001") "80 00" A_IN, PK_DNS_LABEL_TYPE,
	  0 },
	{ "N03 label type 0x40 behind a label",
	  QUERY("0001") "01 61 7f 61 00" A_IN, PK_DNS_LABEL_TYPE, 0 },
	{ "N04 a name of 255 bytes", QUERY("0001") L63 L63 L63 L61 "00" A_IN,
	  PK_DNS_OK, 255 },
	{ "N04 a name of 256 bytes", QUERY("0001") L63 L63 L63 L62 "00" A_IN,
	  PK_DNS_NAME_LENGTH, 0 },
	{ "N04 a label of 63 bytes", QUERY("0001") L63 "00" A_IN, PK_DNS_OK,
	  65 },
	{ "N04 a label of 64 bytes", QUERY("0001") "40" L63 "00" A_IN,
	  PK_DNS_LABEL_TYPE, 0 },
	{ "a name of 256 bytes without its end",
	  QUERY("0001") L63 L63 L63 "3e 61", PK_DNS_NAME_LENGTH, 0 },
	{ "N06 65535 questions, one there",
	  QUERY("ffff") "0b 6578616d706c652d636f6d 00" A_IN, PK_DNS_MORE, 0 },
	{ "N06 all counts lie",
	  "1234 0100 ffff ffff ffff ffff 0b 6578616d706c652d636f6d 00" A_IN,
	  PK_DNS_MORE, 0 },
	{ "two questions", QUERY("0002") "01 61 00" A_IN "01 62 00" A_IN,
	  PK_DNS_MORE, 0 },
	{ "two questions, the first with a pointer",
	  QUERY("0002") "01 61 c006" A_IN "01 62 00" A_IN, PK_DNS_MORE, 0 },
	{ "256 questions, one there", QUERY("0100") "01 61 00" A_IN,
	  PK_DNS_MORE, 0 },
	{ "two questions, the first of type 0x40",
	  QUERY("0002") "41 61 00" A_IN "01 62 00" A_IN, PK_DNS_LABEL_TYPE, 0 },
	{ "N06 65535 questions, none there", QUERY("ffff"), PK_DNS_SHORT, 0 },
	{ "N05 answers that point at each other",
	  "1234 8180 0001 003c 0000 0000 01 61 00" A_IN
	  "c00c 0005 0001 00000001 0002 c015 c015 0005 0001 00000001 0002 c00c",
	  PK_DNS_OK, 3 },
	{ "N07 an answer that ends beyond the message",
	  "1234 8180 0001 0001 0000 0000 01 61 00" A_IN
	  "c00c 0001 0001 00000001 ffff 7f",
	  PK_DNS_OK, 3 },
	{ "N08 a NUL inside a label",
	  QUERY("0001") "03 610062 07 6578616d706c65 00" A_IN, PK_DNS_OK, 13 },
	{ "N09 a dot inside a label", QUERY("0001") "06 612e6576696c 00" A_IN,
	  PK_DNS_OK, 8 },
	{ "no question", QUERY("0000") "01 61 00" A_IN, PK_DNS_NO_QUESTION, 0 },
	{ "no question, nothing else", QUERY("0000"), PK_DNS_NO_QUESTION, 0 },
	{ "an empty message", "", PK_DNS_SHORT, 0 },
	{ "11 bytes of a header", "1234 0100 0001 0000 0000 00", PK_DNS_SHORT,
	  0 },
	{ "a label beyond the end", QUERY("0001") "05 6162", PK_DNS_SHORT, 0 },
	{ "no root byte", QUERY("0001") "01 61", PK_DNS_SHORT, 0 },
	{ "no type", QUERY("0001") "01 61 00", PK_DNS_SHORT, 0 },
	{ "half a class", QUERY("0001") "01 61 00 0001 00", PK_DNS_SHORT, 0 },
};

enum { DNS_ROWS = sizeof(dns_rows) / sizeof(*dns_rows) };

static inline uint32_t from_hex(const char *hex, uint8_t *out)
{
	uint32_t n = 0;

	for (; *hex; hex += hex[0] == ' ' ? 1 : 2) {
		unsigned byte;

		if (*hex == ' ')
			continue;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		assert_true(n < MESSAGE_MAX);
		out[n++] = (uint8_t)byte;
	}
	return n;
}

#endif /* PK_TESTS_DNS_ROWS_H */
