/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/gen/scenario.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tools/gen/splitmix.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

enum {
	PORT_DNS = 53,
	PORT_HTTP = 80,
	PORT_SMTP = 25,
	/* Scanned ports: none that a detector of mail or Windows watches. */
	SCAN_FIRST = 10000,
	SCAN_PORTS = 50000,
	/* Clients' own ports. */
	EPHEMERAL = 32768,
	EPHEMERALS = 28000,
	DATA_BYTES = 64,
	DRESSES = 6, /* of mixed: two families by 0, 1, 2 tags */
	DNS_MAX = 12 + PK_SCENARIO_NAME_MAX + 2 + 4,
};

/* A TCP conversation: what its two ends chose. */
struct side {
	uint32_t client, server; /* their first sequence numbers */
	uint16_t sport, dport;
};

static uint16_t ephemeral(uint64_t n)
{
	return (uint16_t)(EPHEMERAL + n % EPHEMERALS);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

/* The host @n after @address. */
static void host_after(uint8_t address[16], uint64_t n)
{
	put32(address + 12, get32(address + 12) + (uint32_t)n);
}

static struct pk_frame_ip from_to(const struct pk_scenario_conf *conf)
{
	struct pk_frame_ip ip = { .ttl = 64 };

	memcpy(ip.src, conf->src, sizeof ip.src);
	memcpy(ip.dst, conf->dst, sizeof ip.dst);
	return ip;
}

static struct pk_frame_ip back(const struct pk_scenario_conf *conf)
{
	struct pk_frame_ip ip = { .ttl = 64 };

	memcpy(ip.src, conf->dst, sizeof ip.src);
	memcpy(ip.dst, conf->src, sizeof ip.dst);
	return ip;
}

static void link_layers(struct pk_frame_builder *b,
			const struct pk_scenario_conf *conf)
{
	bool two = conf->vlan[0] && conf->vlan[1];

	pk_frame_eth(b, conf->dst_mac, conf->src_mac);
	if (conf->vlan[0])
		pk_frame_vlan(b, two ? 0x88a8 : 0x8100, conf->vlan[0]);
	if (two)
		pk_frame_vlan(b, 0x8100, conf->vlan[1]);
}

/* A SYN with a maximum segment size, as every stack sends. */
static void syn_packet(struct pk_frame_builder *b,
		       const struct pk_scenario_conf *conf,
		       const struct pk_frame_ip *ip, struct pk_frame_tcp tcp)
{
	static const uint8_t mss[4] = { 2, 4, 1460 >> 8, 1460 & 255 };

	tcp.flags |= PK_FRAME_SYN;
	tcp.options_n = sizeof mss;
	memcpy(tcp.options, mss, sizeof mss);
	link_layers(b, conf);
	pk_frame_ip(b, ip);
	pk_frame_tcp(b, &tcp);
}

static void data_packet(struct pk_frame_builder *b,
			const struct pk_scenario_conf *conf,
			const struct pk_frame_ip *ip,
			const struct pk_frame_tcp *tcp, const char *text)
{
	link_layers(b, conf);
	pk_frame_ip(b, ip);
	pk_frame_tcp(b, tcp);
	pk_frame_payload(b, text, strlen(text));
}

static void portscan(struct pk_frame_builder *b,
		     const struct pk_scenario_conf *conf, uint64_t i)
{
	uint64_t turn = i / conf->hosts;
	struct pk_frame_ip ip = from_to(conf);
	struct pk_frame_tcp tcp = {
		.sport = ephemeral(i),
		.dport = conf->port,
		.seq = (uint32_t)pk_splitmix_at(conf->seed, i),
	};

	if (!tcp.dport)
		tcp.dport = (uint16_t)(SCAN_FIRST + turn % SCAN_PORTS);
	host_after(ip.dst, i % conf->hosts);
	syn_packet(b, conf, &ip, tcp);
}

/* The first words of mail, each to another host. */
static void spam(struct pk_frame_builder *b,
		 const struct pk_scenario_conf *conf, uint64_t i)
{
	uint64_t random = pk_splitmix_at(conf->seed, i);
	struct pk_frame_ip ip = from_to(conf);
	struct pk_frame_tcp tcp = {
		.sport = ephemeral(i),
		.dport = conf->port ? conf->port : PORT_SMTP,
		.seq = (uint32_t)random,
		.ack = (uint32_t)(random >> 32),
		.flags = PK_FRAME_PSH | PK_FRAME_ACK,
	};

	host_after(ip.dst, i);
	data_packet(b, conf, &ip, &tcp, "EHLO mail.example\r\n");
}

static void winscan(struct pk_frame_builder *b,
		    const struct pk_scenario_conf *conf, uint64_t i)
{
	static const uint16_t ports[] = { 445, 135, 137, 139, 1433, 3389 };
	struct pk_frame_ip ip = from_to(conf);
	struct pk_frame_tcp tcp = {
		.sport = ephemeral(i),
		.dport = conf->port ? conf->port : ports[i % LEN(ports)],
		.seq = (uint32_t)pk_splitmix_at(conf->seed, i),
	};

	host_after(ip.dst, i / LEN(ports));
	syn_packet(b, conf, &ip, tcp);
}

static void one_syn(struct pk_frame_builder *b,
		    const struct pk_scenario_conf *conf, uint64_t i)
{
	struct pk_frame_ip ip = from_to(conf);
	struct pk_frame_tcp tcp = {
		.sport = ephemeral(i),
		.dport = conf->port ? conf->port : PORT_HTTP,
		.seq = (uint32_t)pk_splitmix_at(conf->seed, i),
	};

	syn_packet(b, conf, &ip, tcp);
}

/* Sources are anywhere in unicast IPv4, or below the /64 of the source. */
static void random_source(uint8_t src[16], uint64_t random)
{
	if (!pk_frame_is_ip4(src)) {
		put32(src + 8, (uint32_t)(random >> 32));
		put32(src + 12, (uint32_t)random);
		return;
	}
	put32(src + 12, (uint32_t)random);
	src[12] = (uint8_t)(1 + (random >> 32) % 223);
	if (src[12] == 127)
		src[12] = 126;
}

static void flood(struct pk_frame_builder *b,
		  const struct pk_scenario_conf *conf, uint64_t i)
{
	uint64_t random = pk_splitmix_at(conf->seed, i);
	struct pk_frame_ip ip = from_to(conf);
	struct pk_frame_tcp tcp = {
		.sport = ephemeral(random >> 40),
		.dport = conf->port ? conf->port : PORT_HTTP,
		.seq = (uint32_t)(random >> 16),
	};

	random_source(ip.src, random);
	syn_packet(b, conf, &ip, tcp);
}

/* Data of flow i % flows, forth and back in turns, bytes in order. */
static void established(struct pk_frame_builder *b,
			const struct pk_scenario_conf *conf, uint64_t i)
{
	uint64_t flow = i % conf->flows, turn = i / conf->flows;
	uint64_t random = pk_splitmix_at(conf->seed, flow);
	uint16_t client = ephemeral(flow);
	uint16_t server = conf->port ? conf->port : PORT_HTTP;
	bool forth = turn % 2 == 0;
	struct pk_frame_ip ip = forth ? from_to(conf) : back(conf);
	struct pk_frame_tcp tcp = {
		.sport = forth ? client : server,
		.dport = forth ? server : client,
		.flags = PK_FRAME_ACK | PK_FRAME_PSH,
	};
	uint32_t mine = (uint32_t)(turn / 2) * DATA_BYTES;
	uint32_t theirs = (uint32_t)((turn + 1) / 2) * DATA_BYTES;
	uint8_t data[DATA_BYTES];

	tcp.seq = (uint32_t)(forth ? random : random >> 32) + mine;
	tcp.ack = (uint32_t)(forth ? random >> 32 : random) + theirs;
	host_after(forth ? ip.src : ip.dst, flow / EPHEMERALS);
	memset(data, 'a' + (int)(turn % 26), sizeof data);
	link_layers(b, conf);
	pk_frame_ip(b, &ip);
	pk_frame_tcp(b, &tcp);
	pk_frame_payload(b, data, sizeof data);
}

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
			     "Content-Type: text/plain\r\n\r\nhello";

/*
 *	step	client		server
 *	0	SYN
 *	1			SYN ACK
 *	2	ACK
 *	3	request
 *	4			ACK
 *	5			answer
 *	6	ACK
 *	7	FIN ACK
 *	8			FIN ACK
 *	9	ACK
 *
 * The table holds what each side has sent before the step: `ours` counts the
 * client's SYN, request and FIN in bits 1, 2 and 4, `theirs` the server's.
 */
static const struct step {
	bool client;
	uint8_t flags, ours, theirs;
	bool data;
} steps[PK_SCENARIO_TALK] = {
	{ true, PK_FRAME_SYN, 0, 0, false },
	{ false, PK_FRAME_SYN | PK_FRAME_ACK, 1, 0, false },
	{ true, PK_FRAME_ACK, 1, 1, false },
	{ true, PK_FRAME_ACK | PK_FRAME_PSH, 1, 1, true },
	{ false, PK_FRAME_ACK, 3, 1, false },
	{ false, PK_FRAME_ACK | PK_FRAME_PSH, 3, 1, true },
	{ true, PK_FRAME_ACK, 3, 3, false },
	{ true, PK_FRAME_ACK | PK_FRAME_FIN, 3, 3, false },
	{ false, PK_FRAME_ACK | PK_FRAME_FIN, 7, 3, false },
	{ true, PK_FRAME_ACK, 7, 7, false },
};

static uint32_t sent(uint8_t what, size_t text_n)
{
	return (what & 1) + (what & 2 ? (uint32_t)text_n : 0) + (what >> 2);
}

static struct pk_frame_tcp talk_tcp(const struct step *s,
				    const struct side *sides,
				    const char *request)
{
	uint32_t client = sides->client + sent(s->ours, strlen(request));
	uint32_t server = sides->server + sent(s->theirs, strlen(answer));
	struct pk_frame_tcp tcp = { .flags = s->flags };

	tcp.sport = s->client ? sides->sport : sides->dport;
	tcp.dport = s->client ? sides->dport : sides->sport;
	tcp.seq = s->client ? client : server;
	tcp.ack = s->client ? server : client;
	if (!(s->flags & PK_FRAME_ACK))
		tcp.ack = 0;
	return tcp;
}

static void talk(struct pk_frame_builder *b,
		 const struct pk_scenario_conf *conf, uint64_t i)
{
	uint64_t conversation = i / PK_SCENARIO_TALK;
	uint64_t random = pk_splitmix_at(conf->seed, conversation);
	const struct step *s = &steps[i % PK_SCENARIO_TALK];
	struct side sides = {
		.client = (uint32_t)random,
		.server = (uint32_t)(random >> 32),
		.sport = ephemeral(conversation),
		.dport = conf->port ? conf->port : PORT_HTTP,
	};
	struct pk_frame_ip ip = s->client ? from_to(conf) : back(conf);
	char request[PK_SCENARIO_NAME_MAX + 64];
	struct pk_frame_tcp tcp;

	snprintf(request, sizeof request,
		 "GET / HTTP/1.1\r\nHost: %.253s\r\n\r\n", conf->name);
	tcp = talk_tcp(s, &sides, request);
	if (s->flags & PK_FRAME_SYN)
		syn_packet(b, conf, &ip, tcp);
	else
		data_packet(b, conf, &ip, &tcp,
			    !s->data	? ""
			    : s->client ? request
					: answer);
}

/* The name in wire form at @p (RFC 1035 section 3.1): its length, or 0. */
static size_t wire_name(const char *name, uint8_t *p)
{
	size_t at = 0, n = strlen(name);

	if (n == 0 || n > PK_SCENARIO_NAME_MAX)
		return 0;
	while (*name) {
		size_t label = strcspn(name, ".");

		if (label == 0 || label > 63)
			return 0;
		p[at++] = (uint8_t)label;
		memcpy(p + at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	p[at++] = 0;
	return at;
}

/* A recursive question for an address of the family it is asked over. */
static size_t dns_question(const struct pk_scenario_conf *conf, uint64_t random,
			   uint8_t message[DNS_MAX])
{
	static const uint8_t head[10] = { 1, 0, 0, 1 };
	size_t n;

	message[0] = (uint8_t)(random >> 8);
	message[1] = (uint8_t)random;
	memcpy(message + 2, head, sizeof head);
	n = 12 + wire_name(conf->name, message + 12);
	message[n++] = 0;
	message[n++] = pk_frame_is_ip4(conf->src) ? 1 : 28;
	message[n++] = 0;
	message[n++] = 1;
	return n;
}

static void dnsquery(struct pk_frame_builder *b,
		     const struct pk_scenario_conf *conf, uint64_t i)
{
	uint64_t random = pk_splitmix_at(conf->seed, i);
	struct pk_frame_ip ip = from_to(conf);
	uint8_t message[DNS_MAX];
	size_t n = dns_question(conf, random, message);

	link_layers(b, conf);
	pk_frame_ip(b, &ip);
	pk_frame_udp(b, ephemeral(random >> 16),
		     conf->port ? conf->port : PORT_DNS);
	pk_frame_payload(b, message, n);
}

/* Echo requests and their replies in turns. */
static void ping(struct pk_frame_builder *b,
		 const struct pk_scenario_conf *conf, uint64_t i)
{
	bool six = !pk_frame_is_ip4(conf->src), reply = i % 2;
	struct pk_frame_ip ip = reply ? back(conf) : from_to(conf);
	uint32_t id = (uint32_t)pk_splitmix_at(conf->seed, 0) << 16;
	uint8_t type;

	if (six)
		type = reply ? 129 : 128;
	else
		type = reply ? 0 : 8;
	link_layers(b, conf);
	pk_frame_ip(b, &ip);
	pk_frame_icmp(b, type, 0, id | (uint32_t)(i / 2 & 0xffff));
	pk_frame_payload(b, "abcdefghijklmnopqrstuvwabcdefghi", 32);
}

/* Router alert; for IPv6 in a hop-by-hop header, then destination options. */
static void options(struct pk_frame_builder *b,
		    const struct pk_scenario_conf *conf, uint64_t i)
{
	static const uint8_t alert4[4] = { 148, 4 };
	static const uint8_t alert6[6] = { 5, 2, 0, 0, 1, 0 };
	static const uint8_t padding[14] = { 1, 12 };
	struct pk_frame_ip ip = from_to(conf);

	link_layers(b, conf);
	if (pk_frame_is_ip4(ip.src)) {
		ip.options_n = sizeof alert4;
		memcpy(ip.options, alert4, sizeof alert4);
		pk_frame_ip(b, &ip);
	} else {
		pk_frame_ip(b, &ip);
		pk_frame_ext(b, 0, alert6, sizeof alert6);
		pk_frame_ext(b, 60, padding, sizeof padding);
	}
	pk_frame_udp(b, ephemeral(i), conf->port ? conf->port : 9);
	pk_frame_payload(b, "options", 7);
}

/* UDP of the two hosts inside GRE of the two after them. */
static void tunnel(struct pk_frame_builder *b,
		   const struct pk_scenario_conf *conf, uint64_t i)
{
	struct pk_frame_ip outer = from_to(conf), inner = outer;

	host_after(outer.src, 1);
	host_after(outer.dst, 1);
	link_layers(b, conf);
	pk_frame_ip(b, &outer);
	pk_frame_gre(b);
	pk_frame_ip(b, &inner);
	pk_frame_udp(b, ephemeral(i), conf->port ? conf->port : 9);
	pk_frame_payload(b, "tunnelled", 9);
}

static const struct pk_scenario plain[] = {
	{ "portscan", "SYNs of one source to many ports of --hosts hosts", 101,
	  portscan },
	{ "spam", "mail sessions of one source to many hosts", 21, spam },
	{ "winscan", "SYNs to the ports of Windows services", 6, winscan },
	{ "talk", "whole HTTP conversations, handshake to FIN",
	  PK_SCENARIO_TALK, talk },
	{ "dnsquery", "DNS questions for --name", 1, dnsquery },
	{ "syn", "single SYNs", 1, one_syn },
	{ "flood", "SYNs of random sources", 10000, flood },
	{ "established", "data of --flows open connections, both ways", 10000,
	  established },
	{ "ping", "echo requests and replies", 10, ping },
	{ "options", "IPv4 options, IPv6 extension headers", 10, options },
	{ "tunnel", "UDP inside GRE", 10, tunnel },
};

/* The same two hosts in 2001:db8::/96. */
static void to_ip6(uint8_t address[16])
{
	static const uint8_t prefix[12] = { 0x20, 0x01, 0x0d, 0xb8 };

	if (pk_frame_is_ip4(address))
		memcpy(address, prefix, sizeof prefix);
}

/*
 * Every scenario in turn; each round once in IPv4 and IPv6, by 0-2 tags. All
 * have sources of their own, so that no two continue each other's flows.
 */
static void mixed(struct pk_frame_builder *b,
		  const struct pk_scenario_conf *conf, uint64_t i)
{
	const uint64_t kinds = LEN(plain) * DRESSES;
	uint64_t kind = i % kinds, dress = kind / LEN(plain);
	struct pk_scenario_conf dressed = *conf;

	dressed.seed = pk_splitmix_at(conf->seed, kind);
	host_after(dressed.src, kind);
	if (dress % 2) {
		to_ip6(dressed.src);
		to_ip6(dressed.dst);
	}
	dressed.vlan[0] = dress / 2 > 0 ? 100 : conf->vlan[0];
	dressed.vlan[1] = dress / 2 > 1 ? 200 : conf->vlan[1];
	plain[kind % LEN(plain)].build(b, &dressed, i / kinds);
}

static const struct pk_scenario all_mixed = {
	"mixed", "all of these, IPv4 and IPv6, with no, one and two VLAN tags",
	LEN(plain) * DRESSES *PK_SCENARIO_TALK, mixed
};

void pk_scenario_defaults(struct pk_scenario_conf *conf)
{
	static const struct pk_scenario_conf defaults = {
		.seed = 1,
		.src = { [10] = 0xff, 0xff, 192, 0, 2, 10 },
		.dst = { [10] = 0xff, 0xff, 198, 51, 100, 20 },
		.src_mac = { 2, 0, 0, 0, 0, 1 },
		.dst_mac = { 2, 0, 0, 0, 0, 2 },
		.name = "www.example.com",
		.hosts = 1,
		.flows = 1,
	};

	*conf = defaults;
}

const struct pk_scenario *pk_scenario_at(size_t n)
{
	if (n < LEN(plain))
		return &plain[n];
	return n == LEN(plain) ? &all_mixed : NULL;
}

const struct pk_scenario *pk_scenario_find(const char *name)
{
	const struct pk_scenario *s;

	for (size_t n = 0; (s = pk_scenario_at(n)); n++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

int pk_scenario_frame(const struct pk_scenario *s,
		      const struct pk_scenario_conf *conf, uint64_t i,
		      uint8_t *bytes)
{
	uint8_t scratch[DNS_MAX];
	struct pk_frame_builder b;

	if (!wire_name(conf->name, scratch) || !conf->hosts || !conf->flows)
		return -EINVAL;
	pk_frame_init(&b, bytes, PK_SCENARIO_FRAME_MAX);
	s->build(&b, conf, i);
	return pk_frame_end(&b);
}
