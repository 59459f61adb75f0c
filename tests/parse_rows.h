/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_rows: hand-made frames for the edges of the decoder, with their ends.
 *
 * Frames are hexadecimal text, header by header. Each terminal reason of
 * bpf/parse.h but SHORT_ETH, SHORT_VLAN, VLAN_DEPTH and EXT_DEPTH, which need
 * a loop, has its rows on both sides of each boundary.
 */
#ifndef PK_TESTS_PARSE_ROWS_H
#define PK_TESTS_PARSE_ROWS_H

#include <stdint.h>

#include "bpf/parse.h"

#define MACS "020000000001 020000000002 "
#define E4   MACS "0800 "
#define E6   MACS "86dd "
/* Total length, fragment field, protocol. */
#define IP4(total, frag, proto) \
	"45 00 " total "0001 " frag "40 " proto "0000 c0000201 c6336402 "
#define IP4_OPT(first, total, proto) \
	first "00 " total "0001 0000 40 " proto "0000 c0000201 c6336402 "
#define HOSTS6                              \
	"20010db8000000000000000000000001 " \
	"20010db8000000000000000000000002 "
#define IP6(payload, next) "6a500000 " payload next "3f " HOSTS6
#define TCP_AS(first)	   "9c40 0050 00000001 00000002 " first "12 ffff 0000 0000 "
#define TCP		   TCP_AS("50")
#define UDP(length)	   "9c40 0035 " length "0000 "
#define ICMP		   "08 00 0000 00010001 "
#define SCTP		   "9c40 0050 00000001 00000002 "
#define WORD		   "00000000 "
#define NOPS		   "0101010101010101 "
#define TIMESTAMP	   "0101080a 00000001 00000002 "
#define OPTIONS		   WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD

enum {
	IP = PK_HAS_IP,
	PORTS = IP | PK_HAS_PORTS,
	DATA = PORTS | PK_HAS_PAYLOAD,
	FRAG = PK_IS_FRAGMENT,
};

struct row {
	const char *name, *hex;
	uint8_t reason, layers;
	uint16_t l4_off, payload_off, payload_len;
};

#define R(reason) PK_PARSE_##reason

static const struct row rows[] = {
	{ "TCP", E4 IP4("0028", "0000", "06") TCP, R(OK), DATA, 34, 54, 0 },
	{ "TCP, 3 bytes", E4 IP4("002b", "0000", "06") TCP "616263", R(OK),
	  DATA, 34, 54, 3 },
	{ "padding is no payload", E4 IP4("0028", "0000", "06") TCP "616263",
	  R(OK), DATA, 34, 54, 0 },
	{ "IP length 1 beyond the frame", E4 IP4("0029", "0000", "06") TCP,
	  R(IP_TRUNCATED), DATA, 34, 54, 0 },
	{ "truncated, and TCP offset 4: the first defect counts",
	  E4 IP4("0029", "0000", "06") TCP_AS("40"), R(IP_TRUNCATED), PORTS, 34,
	  0, 0 },
	{ "total length = header", E4 IP4("0014", "0000", "06") TCP,
	  R(SHORT_L4), IP, 34, 0, 0 },
	{ "total length 19", E4 IP4("0013", "0000", "06") TCP, R(IP_LENGTH), IP,
	  0, 0, 0 },
	{ "total length 0", E4 IP4("0000", "0000", "06") TCP, R(IP_LENGTH), IP,
	  0, 0, 0 },
	{ "3 bytes of TCP", E4 IP4("0017", "0000", "06") TCP, R(SHORT_L4), IP,
	  34, 0, 0 },
	{ "4 bytes of TCP", E4 IP4("0018", "0000", "06") TCP, R(SHORT_L4),
	  PORTS, 34, 0, 0 },
	{ "19 bytes of TCP", E4 IP4("0027", "0000", "06") TCP, R(SHORT_L4),
	  PORTS, 34, 0, 0 },
	{ "header length 4 words", E4 IP4_OPT("44", "0028", "06") TCP,
	  R(IP_HLEN), IP, 0, 0, 0 },
	{ "header length 0", E4 IP4_OPT("40", "0028", "06") TCP, R(IP_HLEN), IP,
	  0, 0, 0 },
	{ "all options", E4 IP4_OPT("4f", "0050", "06") OPTIONS TCP, R(OK),
	  DATA, 74, 94, 0 },
	{ "total length inside the options",
	  E4 IP4_OPT("4f", "003b", "06") OPTIONS TCP, R(IP_LENGTH), IP, 0, 0,
	  0 },
	{ "total length behind the options",
	  E4 IP4_OPT("4f", "003c", "06") OPTIONS TCP, R(SHORT_L4), IP, 74, 0,
	  0 },
	{ "frame ends inside the options", E4 IP4_OPT("46", "0018", "06") "00",
	  R(IP_TRUNCATED), IP, 0, 0, 0 },
	{ "19 bytes of IPv4", E4 "45000014 00010000 4006 0000 c0000201 c63364",
	  R(SHORT_IP), 0, 0, 0, 0 },
	{ "version 6 as IPv4", E4 IP4_OPT("65", "0028", "06") TCP,
	  R(IP_VERSION), 0, 0, 0, 0 },
	{ "version 4 as IPv6", E6 "45000000 0000 3b 40 " HOSTS6, R(IP_VERSION),
	  0, 0, 0, 0 },
	{ "don't fragment", E4 IP4("0028", "4000", "06") TCP, R(OK), DATA, 34,
	  54, 0 },
	{ "reserved fragment bit", E4 IP4("0028", "8000", "06") TCP, R(OK),
	  DATA, 34, 54, 0 },
	{ "first fragment", E4 IP4("0028", "2000", "06") TCP, R(OK),
	  DATA | FRAG, 34, 54, 0 },
	{ "first fragment of 8 bytes", E4 IP4("001c", "2000", "06") TCP,
	  R(SHORT_L4), PORTS | FRAG, 34, 0, 0 },
	{ "last fragment", E4 IP4("0028", "0001", "06") TCP, R(FRAGMENT),
	  IP | FRAG, 0, 0, 0 },
	{ "middle fragment", E4 IP4("0028", "3fff", "06") TCP, R(FRAGMENT),
	  IP | FRAG, 0, 0, 0 },
	{ "first fragment of a long datagram",
	  E4 IP4("001e", "2000", "11") UDP("05dc") "6162", R(OK), DATA | FRAG,
	  34, 42, 2 },
	{ "TCP offset 4", E4 IP4("0028", "0000", "06") TCP_AS("40"),
	  R(TCP_HLEN), PORTS, 34, 0, 0 },
	{ "TCP offset 0", E4 IP4("0028", "0000", "06") TCP_AS("00"),
	  R(TCP_HLEN), PORTS, 34, 0, 0 },
	{ "TCP offset 6, no options", E4 IP4("0028", "0000", "06") TCP_AS("60"),
	  R(TCP_HLEN), PORTS, 34, 0, 0 },
	{ "TCP offset 6", E4 IP4("002c", "0000", "06") TCP_AS("60") WORD, R(OK),
	  DATA, 34, 58, 0 },
	{ "TCP offset 15", E4 IP4("0050", "0000", "06") TCP_AS("f0") OPTIONS,
	  R(OK), DATA, 34, 94, 0 },
	{ "TCP offset 15, 1 byte short",
	  E4 IP4("004f", "0000", "06") TCP_AS("f0") OPTIONS, R(TCP_HLEN), PORTS,
	  34, 0, 0 },
	{ "option of length 0", E4 IP4_OPT("46", "002c", "06") "07000000" TCP,
	  R(IP_OPTION), DATA, 38, 58, 0 },
	{ "option of length 1", E4 IP4_OPT("46", "002c", "06") "83010000" TCP,
	  R(IP_OPTION), DATA, 38, 58, 0 },
	{ "option of length 2", E4 IP4_OPT("46", "002c", "06") "83020000" TCP,
	  R(OK), DATA, 38, 58, 0 },
	{ "option that fills the header",
	  E4 IP4_OPT("46", "002c", "06") "83040505" TCP, R(OK), DATA, 38, 58,
	  0 },
	{ "option 1 beyond the header",
	  E4 IP4_OPT("46", "002c", "06") "83050505" TCP, R(IP_OPTION), DATA, 38,
	  58, 0 },
	{ "option without a length",
	  E4 IP4_OPT("46", "002c", "06") "01010183" TCP, R(IP_OPTION), DATA, 38,
	  58, 0 },
	{ "option without a length at the end of the frame",
	  E4 IP4_OPT("46", "0018", "3d") "01010183", R(IP_OPTION), IP, 38, 0,
	  0 },
	{ "padding at the end of the frame",
	  E4 IP4_OPT("46", "0018", "3d") "01010101", R(L4_OTHER), IP, 38, 0,
	  0 },
	{ "nothing counts behind the end of options",
	  E4 IP4_OPT("46", "002c", "06") "01008300" TCP, R(OK), DATA, 38, 58,
	  0 },
	{ "40 bytes of padding",
	  E4 IP4_OPT("4f", "0050", "06") NOPS NOPS NOPS NOPS NOPS TCP, R(OK),
	  DATA, 74, 94, 0 },
	{ "record route of 39 bytes",
	  E4 IP4_OPT("4f", "0050",
		     "06") "07270400" WORD WORD WORD WORD WORD WORD WORD WORD
			   "00000001" TCP,
	  R(OK), DATA, 74, 94, 0 },
	{ "a bad option, and TCP offset 4: the first defect counts",
	  E4 IP4_OPT("46", "002c", "06") "07000000" TCP_AS("40"), R(IP_OPTION),
	  PORTS, 38, 0, 0 },
	{ "a later fragment's options are not judged",
	  E4 "4600 002c 0001 0001 4006 0000 c0000201 c6336402 07000000" TCP,
	  R(FRAGMENT), IP | FRAG, 0, 0, 0 },
	{ "TCP timestamp", E4 IP4("0034", "0000", "06") TCP_AS("80") TIMESTAMP,
	  R(OK), DATA, 34, 66, 0 },
	{ "TCP options of a SYN",
	  E4 IP4("0034", "0000", "06")
		  TCP_AS("80") "020405b4 01030307 01010402",
	  R(OK), DATA, 34, 66, 0 },
	{ "TCP option of length 0",
	  E4 IP4("002c", "0000", "06") TCP_AS("60") "05000000", R(TCP_OPTION),
	  DATA, 34, 58, 0 },
	{ "TCP option of length 1",
	  E4 IP4("002c", "0000", "06") TCP_AS("60") "05010000", R(TCP_OPTION),
	  DATA, 34, 58, 0 },
	{ "TCP option 1 beyond the header",
	  E4 IP4("002c", "0000", "06") TCP_AS("60") "05050000", R(TCP_OPTION),
	  DATA, 34, 58, 0 },
	{ "TCP option of 2 at the end",
	  E4 IP4("002c", "0000", "06") TCP_AS("60") "01010402", R(OK), DATA, 34,
	  58, 0 },
	{ "TCP option without a length",
	  E4 IP4("002c", "0000", "06") TCP_AS("60") "01010105", R(TCP_OPTION),
	  DATA, 34, 58, 0 },
	{ "40 bytes of TCP padding",
	  E4 IP4("0050", "0000", "06") TCP_AS("f0") NOPS NOPS NOPS NOPS NOPS,
	  R(OK), DATA, 34, 94, 0 },
	{ "40 bytes of TCP padding, the last one an option",
	  E4 IP4("0050", "0000", "06") TCP_AS("f0") NOPS NOPS NOPS NOPS
	  "01010101010101fe",
	  R(TCP_OPTION), DATA, 34, 94, 0 },
	{ "UDP length 7", E4 IP4("001c", "0000", "11") UDP("0007"),
	  R(UDP_LENGTH), PORTS, 34, 0, 0 },
	{ "UDP length 0", E4 IP4("001c", "0000", "11") UDP("0000"),
	  R(UDP_LENGTH), PORTS, 34, 0, 0 },
	{ "UDP length 8", E4 IP4("001c", "0000", "11") UDP("0008"), R(OK), DATA,
	  34, 42, 0 },
	{ "UDP length 9 of 8", E4 IP4("001c", "0000", "11") UDP("0009"),
	  R(UDP_LENGTH), DATA, 34, 42, 0 },
	{ "UDP length 65535 of 10",
	  E4 IP4("001e", "0000", "11") UDP("ffff") "61626364", R(UDP_LENGTH),
	  DATA, 34, 42, 2 },
	{ "UDP length 9 of 10", E4 IP4("001e", "0000", "11") UDP("0009") "6162",
	  R(OK), DATA, 34, 42, 1 },
	{ "7 bytes of UDP", E4 IP4("001b", "0000", "11") UDP("0008"),
	  R(SHORT_L4), PORTS, 34, 0, 0 },
	{ "3 bytes of UDP", E4 IP4("0017", "0000", "11") UDP("0008"),
	  R(SHORT_L4), IP, 34, 0, 0 },
	{ "ICMP", E4 IP4("001c", "0000", "01") ICMP, R(OK), PORTS, 34, 0, 0 },
	{ "4 bytes of ICMP", E4 IP4("0018", "0000", "01") ICMP, R(OK), PORTS,
	  34, 0, 0 },
	{ "3 bytes of ICMP", E4 IP4("0017", "0000", "01") ICMP, R(SHORT_L4), IP,
	  34, 0, 0 },
	{ "SCTP", E4 IP4("0020", "0000", "84") SCTP, R(OK), PORTS, 34, 0, 0 },
	{ "11 bytes of SCTP", E4 IP4("001f", "0000", "84") SCTP, R(SHORT_L4),
	  PORTS, 34, 0, 0 },
	{ "3 bytes of SCTP", E4 IP4("0017", "0000", "84") SCTP, R(SHORT_L4), IP,
	  34, 0, 0 },
	{ "UDP-Lite", E4 IP4("001c", "0000", "88") UDP("0008"), R(L4_OTHER), IP,
	  34, 0, 0 },
	{ "hop-by-hop means nothing in IPv4",
	  E4 IP4("001c", "0000", "00") "1100000000000000", R(L4_OTHER), IP, 34,
	  0, 0 },
	{ "no next header in IPv4", E4 IP4("0014", "0000", "3b"), R(NO_NEXT),
	  IP, 34, 0, 0 },
	{ "802.3 length 0", MACS "0000 424203", R(LLC), 0, 0, 0, 0 },
	{ "802.3 length 1500", MACS "05dc 424203", R(LLC), 0, 0, 0, 0 },
	{ "802.3 length 1535", MACS "05ff", R(LLC), 0, 0, 0, 0 },
	{ "EtherType 1536", MACS "0600", R(NOT_IP), 0, 0, 0, 0 },
	{ "ARP", MACS "0806 0001", R(NOT_IP), 0, 0, 0, 0 },
	{ "TCP over IPv6", E6 IP6("0014", "06") TCP, R(OK), DATA, 54, 74, 0 },
	{ "39 bytes of IPv6",
	  E6 "60000000 0000 3b 40 20010db8000000000000000000000001 "
	     "20010db80000000000000000000000",
	  R(SHORT_IP), 0, 0, 0, 0 },
	{ "IPv6 padding is no payload", E6 IP6("0014", "06") TCP "616263",
	  R(OK), DATA, 54, 74, 0 },
	{ "IPv6 length 1 beyond the frame", E6 IP6("0015", "06") TCP,
	  R(IP_TRUNCATED), DATA, 54, 74, 0 },
	{ "no next header", E6 IP6("0000", "3b"), R(NO_NEXT), IP, 54, 0, 0 },
	{ "payload length 0 and TCP", E6 IP6("0000", "06") TCP, R(SHORT_L4), IP,
	  54, 0, 0 },
	{ "jumbogram (RFC 2675)",
	  E6 IP6("0000", "00") "1100c20400010000" UDP("0009") "61", R(OK), DATA,
	  62, 70, 1 },
	{ "hop-by-hop alone, 7 bytes", E6 IP6("0007", "00") "1100010400000000",
	  R(SHORT_EXT), IP, 0, 0, 0 },
	{ "extension longer than the packet",
	  E6 IP6("0010", "3c") "1101010400000000" UDP("0008"), R(SHORT_L4), IP,
	  70, 0, 0 },
	{ "extension longer than the frame",
	  E6 IP6("0010", "3c") "1102010400000000" UDP("0008"), R(SHORT_EXT), IP,
	  0, 0, 0 },
	{ "extension length 255", E6 IP6("0008", "3c") "11ff010400000000",
	  R(SHORT_EXT), IP, 0, 0, 0 },
	{ "atomic fragment",
	  E6 IP6("0010", "2c") "1100000000000001" UDP("0008"), R(OK), DATA, 62,
	  70, 0 },
	{ "atomic fragment, reserved bits set",
	  E6 IP6("0010", "2c") "11ff000600000001" UDP("0008"), R(OK), DATA, 62,
	  70, 0 },
	{ "IPv6 first fragment",
	  E6 IP6("0010", "2c") "1100000100000001" UDP("0400"), R(OK),
	  DATA | FRAG, 62, 70, 0 },
	{ "IPv6 other fragment",
	  E6 IP6("0010", "2c") "1100000800000001" UDP("0008"), R(FRAGMENT),
	  IP | FRAG, 0, 0, 0 },
	{ "IPv6 fragment at the largest offset",
	  E6 IP6("0010", "2c") "1100fff900000001" UDP("0008"), R(FRAGMENT),
	  IP | FRAG, 0, 0, 0 },
	{ "AH of 24 bytes",
	  E6 IP6("0020",
		 "33") "1104000000000001 00000001" WORD WORD WORD UDP("0008"),
	  R(OK), DATA, 78, 86, 0 },
	{ "AH of 12 bytes: 4-byte units, not 8",
	  E6 IP6("0014", "33") "110100000000000100000001 " UDP("0008"), R(OK),
	  DATA, 66, 74, 0 },
	{ "AH of 8 bytes", E6 IP6("0010", "33") "1100000000000001 " UDP("0008"),
	  R(OK), DATA, 62, 70, 0 },
	{ "AH in IPv4",
	  E4 IP4("0028", "0000", "33") "110100000000000100000001" UDP("0008"),
	  R(OK), DATA, 46, 54, 0 },
	{ "AH in IPv4, 7 bytes", E4 IP4("001b", "0000", "33") "11010000000000",
	  R(SHORT_EXT), IP, 0, 0, 0 },
	{ "AH in IPv4 beyond the packet",
	  E4 IP4("001f", "0000", "33") "1101000000000001000000", R(SHORT_EXT),
	  IP, 0, 0, 0 },
	{ "ESP", E6 IP6("0008", "32") "0000000100000001", R(L4_OTHER), IP, 54,
	  0, 0 },
	{ "ICMPv6", E6 IP6("0008", "3a") "80 00 0000 00010001", R(OK), PORTS,
	  54, 0, 0 },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Append bytes written as hexadecimal; spaces between them are for the eye. */
static uint32_t add_hex(uint8_t *frame, uint32_t len, const char *hex)
{
	while (*hex) {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		frame[len++] =
			(uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
		hex += 2;
	}
	return len;
}

#endif /* PK_TESTS_PARSE_ROWS_H */
