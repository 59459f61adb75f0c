/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/detector.h"

#include "bpf/parse.h"

enum {
	SYN = 0x02,
	SYN_RST = 0x06,
	HTTPS_ALT = 8443,
	HOLD_SEC = 3600,
};
#define SEC_NS	1000000000ULL
#define MUTE_NS (600 * SEC_NS)

int pk_detector_bits_at_most(uint64_t bytes, uint64_t packets, uint32_t bits)
{
	__extension__ typedef unsigned __int128 wide;

	return packets && (wide)bytes * 8 <= (wide)packets * bits;
}

static int bits_at_most(const struct pk_flow *f, uint32_t bits)
{
	return pk_detector_bits_at_most(f->bytes[0], f->packets[0], bits);
}

/* The fields of ICMP that stand where others have ports are none. */
static uint16_t dst_port(const struct pk_flow *f)
{
	if (f->key.proto == PK_PROTO_ICMP || f->key.proto == PK_PROTO_ICMP6)
		return 0;
	return f->key.dport;
}

static int is_unanswered(const struct pk_flow *f)
{
	return f->tcp_flags[0] == SYN || f->tcp_flags[0] == SYN_RST;
}

/* 224 bits are 28 bytes: an empty datagram. */
static int match_portscan(const struct pk_flow *f)
{
	if (dst_port(f) == HTTPS_ALT)
		return 0;
	return (is_unanswered(f) && bits_at_most(f, 500)) ||
	       (f->tcp_flags[0] == SYN && bits_at_most(f, 1000)) ||
	       (f->key.proto == PK_PROTO_UDP && bits_at_most(f, 224));
}

static int match_spam(const struct pk_flow *f)
{
	switch (dst_port(f)) {
	case 25:  /* SMTP */
	case 465: /* submission over TLS */
	case 587: /* submission */
	case 993: /* IMAP over TLS */
		return 1;
	default:
		return 0;
	}
}

static int match_winscan(const struct pk_flow *f)
{
	switch (dst_port(f)) {
	case 135:  /* RPC endpoint mapper */
	case 137:  /* NetBIOS name service */
	case 139:  /* NetBIOS session */
	case 445:  /* SMB */
	case 1433: /* SQL Server */
	case 3389: /* remote desktop */
		return is_unanswered(f) && bits_at_most(f, 512);
	default:
		return 0;
	}
}

const struct pk_detector pk_detectors[PK_DETECTORS] = {
	{
		.name = "portscan",
		.match = match_portscan,
		.where = "((flags == S or flags == SR) and bpp <= 500) or "
			 "(flags == S and bpp <= 1000) or "
			 "(proto udp and bpp <= 224), but not dst port 8443",
		.window = { .span_ns = 60 * SEC_NS, .threshold = 100 },
		.mute_ns = MUTE_NS,
		.hold_sec = HOLD_SEC,
		.confidence = 80,
		.severity = "medium",
	},
	{
		.name = "spam",
		.match = match_spam,
		.where = "dst port in {25 465 587 993}",
		.window = { .span_ns = 60 * SEC_NS, .threshold = 20 },
		.mute_ns = MUTE_NS,
		.hold_sec = HOLD_SEC,
		.confidence = 60,
		.severity = "medium",
	},
	{
		.name = "winscan",
		.match = match_winscan,
		.where = "dst port in {135 137 139 445 1433 3389} and "
			 "(flags == S or flags == SR) and bpp <= 512",
		.window = { .span_ns = 0, .threshold = 0 },
		.mute_ns = MUTE_NS,
		.hold_sec = HOLD_SEC,
		.confidence = 60,
		.severity = "medium",
	},
};
