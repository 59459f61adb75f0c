/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/file/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

enum {
	/* libpcap delivers no more of a packet, for the types we take. */
	PACKET_MAX = 256 * 1024,
	NS_PER_US = 1000,
	NS_PER_SEC = 1000 * 1000 * 1000,
	ERROR_BYTES = 512,
};

struct pk_capture {
	pcap_t *pcap;
	char *name;
	int link;
	int ended; /* 0 while reading, then 1 at the end or -EBADMSG */
	uint64_t number;
	uint8_t *buf;
	char error[ERROR_BYTES];
};

/* What a failed opening tells its caller. */
struct complaint {
	const char *path;
	char *err;
	size_t errlen;
};

static int __attribute__((format(printf, 3, 4)))
refuse(const struct complaint *to, int error, const char *format, ...)
{
	char why[ERROR_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	if (to->errlen)
		snprintf(to->err, to->errlen, "capture %s: %s", to->path, why);
	return error;
}

static const char *link_name(int link)
{
	const char *name = pcap_datalink_val_to_name(link);

	return name ? name : "without a name";
}

/* Takes the stream: it is the pcap_t's afterwards, or closed. */
static int open_stream(struct pk_capture *c, FILE *stream,
		       const struct complaint *to)
{
	char why[PCAP_ERRBUF_SIZE] = "";

	c->pcap = pcap_fopen_offline_with_tstamp_precision(
		stream, PCAP_TSTAMP_PRECISION_NANO, why);
	if (c->pcap)
		return 0;
	if (stream != stdin)
		fclose(stream);
	return refuse(to, -EBADMSG,
		      "cannot be read as pcap or pcapng: %s (is it "
		      "compressed, or not a capture?)",
		      why);
}

static int open_path(struct pk_capture *c, const char *path,
		     const struct complaint *to)
{
	FILE *stream;
	int error;

	if (strcmp(path, "-") == 0)
		return open_stream(c, stdin, to);
	stream = fopen(path, "rbe");
	if (!stream) {
		error = errno;
		return refuse(to, -error, "cannot be opened: %s",
			      strerror(error));
	}
	return open_stream(c, stream, to);
}

static int check_link(struct pk_capture *c, const struct complaint *to)
{
	c->link = pcap_datalink(c->pcap);
	if (pk_link_supported(c->link))
		return 0;
	return refuse(to, -EPROTONOSUPPORT,
		      "its link type %d (%s) cannot be turned into Ethernet; "
		      "convert the file to Ethernet or raw IP first",
		      c->link, link_name(c->link));
}

static int set_up(struct pk_capture *c, const char *path,
		  const struct complaint *to)
{
	int error;

	c->name = strdup(to->path);
	c->buf = malloc(PACKET_MAX + PK_LINK_ETH_BYTES);
	if (!c->name || !c->buf)
		return refuse(to, -ENOMEM, "no memory to read it");
	error = open_path(c, path, to);
	if (error)
		return error;
	return check_link(c, to);
}

int pk_capture_open(struct pk_capture **out, const char *path, char *err,
		    size_t errlen)
{
	bool standard = strcmp(path, "-") == 0;
	struct complaint to = { standard ? "(standard input)" : path, err,
				errlen };
	struct pk_capture *c;
	int error;

	if (!*path)
		return refuse(&to, -EINVAL, "a file needs a name");
	c = calloc(1, sizeof *c);
	if (!c)
		return refuse(&to, -ENOMEM, "no memory to read it");
	error = set_up(c, path, &to);
	if (error) {
		pk_capture_close(c);
		return error;
	}
	*out = c;
	return 0;
}

void pk_capture_close(struct pk_capture *c)
{
	if (!c)
		return;
	if (c->pcap)
		pcap_close(c->pcap);
	free(c->buf);
	free(c->name);
	free(c);
}

/*
 * libpcap reads the seconds and the fraction of a pcap file as signed 32-bit
 * numbers, so what is negative here was 2^31 or more in the file.
 */
static uint64_t time_ns(const struct timeval *ts)
{
	int64_t sec = ts->tv_sec < 0 ? (uint32_t)ts->tv_sec : ts->tv_sec;
	int64_t ns = ts->tv_usec;
	uint64_t total;

	if (ns < 0 || ns >= NS_PER_SEC)
		ns = NS_PER_SEC - 1;
	if (__builtin_mul_overflow((uint64_t)sec, NS_PER_SEC, &total) ||
	    __builtin_add_overflow(total, (uint64_t)ns, &total))
		total = UINT64_MAX;
	return total - total % NS_PER_US;
}

static void fill(struct pk_capture *c, const struct pcap_pkthdr *head,
		 const uint8_t *data, struct pk_frame *out)
{
	struct pk_link_bytes in = { data, head->caplen, head->len, c->link };
	struct pk_link_frame frame = { 0 };

	/* A file may claim more captured than sent (old kernels did). */
	if (in.wire_len < in.len)
		in.wire_len = in.len;
	out->link = pk_link_ethernet(&in, c->buf,
				     PACKET_MAX + PK_LINK_ETH_BYTES, &frame);
	/* A wire length near 2^32 is a lie; it must not wrap. */
	if (in.wire_len > INT32_MAX)
		in.wire_len = INT32_MAX;
	out->data = frame.data;
	out->len = frame.len;
	out->link_delta = frame.delta;
	out->wire_len = in.wire_len + (uint32_t)frame.delta;
	out->ts_ns = time_ns(&head->ts);
	out->number = c->number;
}

static int broken(struct pk_capture *c)
{
	snprintf(c->error, sizeof c->error,
		 "capture %s: cannot be read beyond packet %" PRIu64
		 ": %s; the packets before it were read",
		 c->name, c->number, pcap_geterr(c->pcap));
	c->ended = -EBADMSG;
	return -EBADMSG;
}

int pk_capture_next(struct pk_capture *c, struct pk_frame *out)
{
	struct pcap_pkthdr *head;
	const uint8_t *data;
	int got;

	if (c->ended)
		return c->ended < 0 ? c->ended : 0;
	got = pcap_next_ex(c->pcap, &head, &data);
	if (got == PCAP_ERROR_BREAK) {
		c->ended = 1;
		return 0;
	}
	if (got != 1)
		return broken(c);
	c->number++;
	fill(c, head, data, out);
	return 1;
}

const char *pk_capture_error(const struct pk_capture *c)
{
	return c->error;
}

int pk_capture_link(const struct pk_capture *c)
{
	return c->link;
}

const char *pk_capture_link_name(const struct pk_capture *c)
{
	return link_name(c->link);
}
