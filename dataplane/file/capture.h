/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture: the frames of a capture file, one after another.
 *
 * Files are what libpcap opens: pcap and pcapng, microseconds or nanoseconds,
 * both byte orders, from a path or from standard input ("-"). Compressed
 * files are not opened. A pcapng file whose interfaces differ in link type or
 * snapshot length is refused by libpcap from the second interface on. This is
 * the only file of the project that calls libpcap to read.
 *
 * Frames come in the order of the file and every packet of the file comes
 * exactly once, as an Ethernet frame (see dataplane/file/link.h); one that
 * cannot be a frame is delivered all the same, without bytes and with the
 * reason, so that whoever counts can count it.
 *
 * Time is the file's own, in nanoseconds since 1970, cut to a microsecond.
 * The seconds of a pcap file are an unsigned 32-bit number here, so captures
 * of 2038 to 2106 keep their order; pcapng goes on to 2554, where 64 bits of
 * nanoseconds end and later times stay. A fraction of a second or more, which
 * only a damaged file has, becomes .999999.
 *
 * A damaged file gives every frame before the damage, then -EBADMSG.
 *
 * One capture belongs to one thread. Memory is fixed at opening, but for
 * libpcap's own packet buffer, which grows to the largest packet (256 KiB).
 */
#ifndef PK_FILE_CAPTURE_H
#define PK_FILE_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/file/link.h"

struct pk_capture;

/*
 * One packet of the file. `len` and `wire_len` count the Ethernet header that
 * may have been put on; take `link_delta` off them for the packet as it was
 * captured. When `link` is not PK_LINK_OK there are no bytes: data is NULL,
 * len and link_delta are 0 and wire_len is the file's.
 */
struct pk_frame {
	const uint8_t *data; /* until the next call on the capture */
	uint32_t len;	     /* bytes held */
	uint32_t wire_len;   /* bytes on the wire; never below len */
	uint64_t ts_ns;	     /* since 1970, a multiple of 1,000 */
	uint64_t number;     /* of the packet in the file, from 1 */
	int32_t link_delta;  /* link bytes put on minus taken off */
	enum pk_link_reason link;
};

/*
 * Open the capture file @path, or standard input for "-". 0 and *@out, which
 * the caller closes; or *@out is untouched and @err (@errlen bytes, cut to
 * fit, may be NULL with @errlen 0) says in one sentence which file, why and
 * what to do:
 *	-EBADMSG		not a capture file, or its header is damaged
 *	-EPROTONOSUPPORT	its link type cannot be turned into Ethernet
 *	-EINVAL			@path is empty
 *	-ENOMEM
 *	-ENOENT, -EACCES, ...	as fopen() sets errno
 */
int pk_capture_open(struct pk_capture **out, const char *path, char *err,
		    size_t errlen);
void pk_capture_close(struct pk_capture *c); /* NULL is a no-op */

/*
 * The next packet. 1 and @out; 0 at the end of the file; -EBADMSG where the
 * file is damaged (pk_capture_error() says how). After 0 or -EBADMSG every
 * further call gives the same again.
 */
int pk_capture_next(struct pk_capture *c, struct pk_frame *out);

/*
 * What is wrong with the file: one sentence with its name, the number of the
 * last good packet and the reason. "" as long as nothing is.
 */
const char *pk_capture_error(const struct pk_capture *c);

/* The file's link type: a DLT_ number, and libpcap's name for it. */
int pk_capture_link(const struct pk_capture *c);
const char *pk_capture_link_name(const struct pk_capture *c);

#endif /* PK_FILE_CAPTURE_H */
