/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config: the configuration file, read once and checked completely.
 *
 * The file is JSON (RFC 8259) with comments from two slashes to the end of the
 * line and a comma allowed behind the last element. Every key is optional. A
 * key that is unknown, given twice, of the wrong type or out of its range is
 * an error that names file, line and key, and the nearest key that exists;
 * nothing is ignored and nothing is clamped. picket.json(5) lists the keys.
 *
 * Run as root, a file that somebody else may write is refused: it names
 * programs' directories and the user to become.
 *
 * Paths of indicator files and safelists are only listed here; who starts the daemon opens
 * them before it gives up its privileges. No lock, no global state.
 */
#ifndef PK_CONTROL_CONFIG_H
#define PK_CONTROL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "control/log.h"

#define PK_CONFIG_PATH "/etc/picket/picket.json"

enum {
	PK_CONFIG_NAME = 64, /* bytes of a name, with its NUL */
	PK_CONFIG_TEXT = 256,
	PK_CONFIG_ATTRIBUTION = 128,
	PK_CONFIG_DIR = 80, /* a socket path (108 bytes) begins with it */
	PK_CONFIG_ENDPOINTS = 8,
	PK_CONFIG_INTERFACES = 32,
	PK_CONFIG_PORTS = 16,
	PK_CONFIG_FILES = 64,
	PK_CONFIG_LISTS = 32,	   /* safelists */
	PK_CONFIG_OUTPUTS = 16,	   /* files that threats are written to */
	PK_CONFIG_SENDS = 8,	   /* endpoints that threats are sent to */
	PK_CONFIG_FEEDS = 16,	   /* of one of them */
	PK_CONFIG_TYPES = 16,	   /* of threats, of one of them */
	PK_CONFIG_NETS = 64,	   /* own networks */
	PK_CONFIG_SUPPRESS = 64,   /* rules that suppress threats */
	PK_CONFIG_BYTES = 1 << 20, /* of the longest file */
};

/* A host interface to watch from start: picketctl attach, written down. */
struct pk_config_interface {
	char name[16]; /* IFNAMSIZ */
	bool skb_mode; /* generic XDP instead of the driver's */
	bool ingress_only;
	bool yes; /* attach although its link may restart */
};

/* A capture port: exactly one of @vdev and @pci is set. */
struct pk_config_port {
	char name[PK_CONFIG_NAME];
	char vdev[PK_CONFIG_TEXT]; /* an EAL device string, or "" */
	char pci[PK_CONFIG_NAME];  /* 0000:03:00.0, or "" */
	uint32_t workers;	   /* 1 .. PK_WORKERS_MAX */
	bool no_huge;
};

/*
 * A file of indicators that is loaded at start. Words are "" and numbers 0
 * where nothing is said; the words are checked.
 */
struct pk_config_file {
	char path[PK_CONFIG_TEXT];    /* absolute */
	char format[PK_CONFIG_NAME];  /* "" : told from the content */
	char feed[PK_CONFIG_NAME];    /* "" : the file's name */
	char mapping[PK_CONFIG_TEXT]; /* a built-in one, or an absolute path */
	char match[16];
	char type[24];
	char threat_type[PK_CONFIG_NAME];
	char class[24];
	char severity[16];
	char tlp[16];
	char action[16];
	char tags[PK_CONFIG_TEXT];
	char attribution[PK_CONFIG_ATTRIBUTION];
	char licence[PK_CONFIG_TEXT];
	uint32_t confidence; /* 255: not said */
	uint32_t ttl_s;	     /* 0: none */
	uint32_t score_min;
	bool refang;
	bool hosts;
	bool everything;
	bool replace; /* withdraw what the file no longer says (default) */
	bool force;   /* past the guards */
};

/* A file of values that are never indicators. */
struct pk_config_list {
	char path[PK_CONFIG_TEXT]; /* absolute */
	char list[PK_CONFIG_NAME]; /* "" : the file's name */
};

/* A rule that suppresses threats (control/suppress.h); "": any. */
struct pk_config_suppress {
	char type[PK_CONFIG_NAME];
	char offender[64];
	char target[64];
	char indicator[PK_CONFIG_TEXT];
	char feed[PK_CONFIG_NAME];
	char until[32]; /* pk_suppress_time() */
	char comment[PK_CONFIG_TEXT];
};

/* What keeps a bad feed out (ioc/guard/guard.h). */
struct pk_config_guard {
	bool bogons;	   /* refuse addresses that are not for the Internet */
	bool suffixes;	   /* refuse public suffixes */
	uint32_t shrink;   /* percent that a feed may lose; 100: all */
	uint32_t growth;   /* times that it may grow; 0: no bound */
	uint32_t networks; /* our own */
	char network[PK_CONFIG_NETS][48];
};

struct pk_config_flow {
	uint32_t idle_s;
	uint32_t active_s;
	uint32_t syn_s;
	uint32_t closed_s;
	uint32_t capacity; /* flows of a worker, a power of two */
};

/* Threats of indicators; detectors have their own times (control/detector.h). */
struct pk_config_threats {
	uint32_t mute_s;
	uint32_t hold_s;
	uint32_t capacity; /* open ones, of all kinds */
};

/* A file that threats are written to (control/files/files.h). */
struct pk_config_output {
	char path[PK_CONFIG_TEXT]; /* absolute */
	char profile[16];	   /* a word of PK_PROFILES */
	char severity_min[16];	   /* "" : all */
	uint32_t types;		   /* 0: all */
	char type[PK_CONFIG_TYPES][32];
	uint64_t rotate_bytes; /* 0: never for its length */
	uint32_t rotate_age_s; /* 0: never for its age */
	uint32_t keep;
};

/* An endpoint that threats are sent to (control/bus/sender.h). */
struct pk_config_send {
	char name[PK_CONFIG_NAME];
	char endpoint[PK_CONFIG_TEXT];
	char pattern[8];       /* push or pub */
	bool connect;	       /* instead of binding */
	char server_key[48];   /* of the receiver; "": without CURVE */
	char severity_min[16]; /* "" : all */
	char profile[16];      /* a word of PK_PROFILES */
	uint32_t types;	       /* 0: all */
	uint32_t feeds;	       /* 0: all */
	char type[PK_CONFIG_TYPES][32];
	char feed[PK_CONFIG_FEEDS][PK_CONFIG_NAME];
};

struct pk_config {
	char sensor[PK_CONFIG_NAME]; /* default: the host's name */
	char user[PK_CONFIG_NAME];   /* "": not configured */
	char run_dir[PK_CONFIG_DIR];
	char pin_dir[PK_CONFIG_DIR];
	char state_dir[PK_CONFIG_TEXT];	  /* what must survive a restart */
	char libexec_dir[PK_CONFIG_TEXT]; /* where the planes' programs are */
	union pk_addr observer;		  /* all zero: not configured */
	enum pk_log_level log_level;
	bool keep;		/* leave programs attached at the end */
	uint64_t upload_bytes;	/* the longest upload on the control socket */
	uint64_t journal_bytes; /* of all files of the journal, about */
	char journal_sync[8];	/* a word of PK_SYNC_POLICIES */
	char curve_secret[PK_CONFIG_TEXT];  /* a file; "": no CURVE */
	char curve_clients[PK_CONFIG_TEXT]; /* likewise */
	char metrics_listen[64];	    /* ADDRESS:PORT; "": no metrics */
	struct pk_config_flow flow;
	struct pk_config_threats threats;
	struct pk_config_guard guard;

	uint32_t endpoints; /* of the bus; at least 1 */
	uint32_t interfaces;
	uint32_t ports;
	uint32_t files;
	uint32_t lists;
	uint32_t outputs;
	uint32_t suppresses;
	uint32_t sends;
	char endpoint[PK_CONFIG_ENDPOINTS][PK_CONFIG_TEXT];
	struct pk_config_interface interface[PK_CONFIG_INTERFACES];
	struct pk_config_port port[PK_CONFIG_PORTS];
	struct pk_config_file file[PK_CONFIG_FILES];
	struct pk_config_list list[PK_CONFIG_LISTS];
	struct pk_config_output output[PK_CONFIG_OUTPUTS];
	struct pk_config_suppress suppress[PK_CONFIG_SUPPRESS];
	struct pk_config_send send[PK_CONFIG_SENDS];
};

/* The defaults, as if an empty file had been read. 0 or -ENOMEM. */
int pk_config_new(struct pk_config **out);

/*
 * Read @path, which may be relative. On failure *@out is untouched and @err
 * (@errlen > 0 bytes) holds one sentence:
 *   -EINVAL  the content: "FILE:LINE: ..."
 *   -EPERM   run as root, and others than root and the caller may write it
 *   -EFBIG   longer than PK_CONFIG_BYTES
 *   -ENOMEM, or the errno of open and read
 */
int pk_config_load(struct pk_config **out, const char *path, char *err,
		   size_t errlen);

/* The same for a file's text; @name stands for the file in sentences. */
int pk_config_parse(struct pk_config **out, const char *name, const char *text,
		    size_t len, char *err, size_t errlen);

/* 1 when the file has this port with this device. */
int pk_config_has_port(const struct pk_config *c, const char *name,
		       const char *device, int pci);

/* The name of the file's feed, or list, said or implied. */
const char *pk_config_feed(const struct pk_config_file *f);

const char *pk_config_list(const struct pk_config_list *l);

void pk_config_free(struct pk_config *c); /* NULL is a no-op */

#endif /* PK_CONTROL_CONFIG_H */
