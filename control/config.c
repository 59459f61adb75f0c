/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/bus.h"
#include "control/config_read.h"
#include "control/files/files.h"
#include "control/journal/journal.h"
#include "control/jsonc.h"
#include "control/suppress.h"
#include "control/threat.h"
#include "dataplane/stats.h"
#include "ioc/feed/feed.h"

#define LIBEXEC_DIR "/usr/libexec/picket"
#define STATE_DIR   "/var/lib/picket"

enum { DAY = 86400 };

/* One key of a table; a list's elements are counted in @counter. */
#define KEY(word, what, type, field, ...)                              \
	{                                                              \
		.name = word, .kind = PK_KEY_##what,                   \
		.at = offsetof(struct type, field),                    \
		.size = sizeof(((struct type *)0)->field), __VA_ARGS__ \
	}
#define LIST(word, field, counter, most, ...)                                \
	{                                                                    \
		.name = word, .kind = PK_KEY_LIST,                           \
		.at = offsetof(struct pk_config, field),                     \
		.size = sizeof(((struct pk_config *)0)->field[0]),           \
		.max = (most), .count = offsetof(struct pk_config, counter), \
		__VA_ARGS__                                                  \
	}
#define SECTION(word, table)                                       \
	{                                                          \
		.name = word, .kind = PK_KEY_OBJECT, .keys = table \
	}
#define END                  \
	{                    \
		.name = NULL \
	}

/* clang-format off */
static const struct pk_key flow_keys[] = {
	KEY("idle", NUMBER, pk_config_flow, idle_s, .min = 1, .max = 3600),
	KEY("active", NUMBER, pk_config_flow, active_s, .min = 1, .max = 3600),
	KEY("syn", NUMBER, pk_config_flow, syn_s, .min = 1, .max = 3600),
	KEY("closed", NUMBER, pk_config_flow, closed_s, .min = 1, .max = 3600),
	KEY("capacity", NUMBER, pk_config_flow, capacity,
	    .min = 1024, .max = 1 << 24),
	END
};

static const struct pk_key threats_keys[] = {
	KEY("mute", DURATION, pk_config_threats, mute_s,
	    .min = 1, .max = 7 * DAY),
	KEY("hold", DURATION, pk_config_threats, hold_s,
	    .min = 1, .max = 365 * DAY),
	KEY("capacity", NUMBER, pk_config_threats, capacity,
	    .min = 64, .max = 1 << 20),
	END
};

static const struct pk_key curve_keys[] = {
	KEY("secret", TEXT, pk_config, curve_secret, .check = pk_check_path),
	KEY("clients", TEXT, pk_config, curve_clients, .check = pk_check_path),
	END
};

static const struct pk_key bus_keys[] = {
	LIST("endpoints", endpoint, endpoints, PK_CONFIG_ENDPOINTS,
	     .check = pk_check_endpoint),
	SECTION("curve", curve_keys),
	END
};

static const struct pk_key journal_keys[] = {
	KEY("bytes", NUMBER64, pk_config, journal_bytes,
	    .min = 64 << 20, .max = 1ULL << 40),
	KEY("sync", TEXT, pk_config, journal_sync, .check = pk_check_sync),
	END
};

static const struct pk_key metrics_keys[] = {
	KEY("listen", TEXT, pk_config, metrics_listen,
	    .check = pk_check_metrics),
	END
};

static const struct pk_key control_keys[] = {
	KEY("upload_bytes", NUMBER64, pk_config, upload_bytes,
	    .min = 1 << 20, .max = 1ULL << 36),
	END
};

static const struct pk_key interface_keys[] = {
	KEY("name", TEXT, pk_config_interface, name,
	    .check = pk_check_interface),
	KEY("skb_mode", BOOL, pk_config_interface, skb_mode),
	KEY("ingress_only", BOOL, pk_config_interface, ingress_only),
	KEY("yes", BOOL, pk_config_interface, yes),
	END
};

static const struct pk_key port_keys[] = {
	KEY("name", TEXT, pk_config_port, name, .check = pk_check_port),
	KEY("vdev", TEXT, pk_config_port, vdev, .check = pk_check_vdev),
	KEY("pci", TEXT, pk_config_port, pci, .check = pk_check_pci),
	KEY("workers", NUMBER, pk_config_port, workers,
	    .min = 1, .max = PK_WORKERS_MAX),
	KEY("no_huge", BOOL, pk_config_port, no_huge),
	END
};

#define FILE_TEXT(word, field, ...) \
	KEY(word, TEXT, pk_config_file, field, __VA_ARGS__)
static const struct pk_key file_keys[] = {
	FILE_TEXT("path", path, .check = pk_check_path),
	FILE_TEXT("format", format, .check = pk_check_format),
	FILE_TEXT("feed", feed, .check = pk_check_name),
	FILE_TEXT("mapping", mapping, .check = pk_check_mapping),
	FILE_TEXT("match", match, .check = pk_check_match),
	FILE_TEXT("type", type, .check = pk_check_type),
	FILE_TEXT("threat_type", threat_type),
	FILE_TEXT("class", class, .check = pk_check_class),
	FILE_TEXT("severity", severity, .check = pk_check_severity),
	FILE_TEXT("tlp", tlp, .check = pk_check_tlp),
	FILE_TEXT("action", action, .check = pk_check_action),
	FILE_TEXT("tags", tags),
	FILE_TEXT("attribution", attribution),
	FILE_TEXT("licence", licence),
	KEY("confidence", NUMBER, pk_config_file, confidence, .max = 100),
	KEY("ttl", NUMBER, pk_config_file, ttl_s,
	    .max = PK_FEED_OPTIONS_TTL_MAX),
	KEY("score_min", NUMBER, pk_config_file, score_min,
	    .max = UINT32_MAX),
	KEY("refang", BOOL, pk_config_file, refang),
	KEY("hosts", BOOL, pk_config_file, hosts),
	KEY("everything", BOOL, pk_config_file, everything),
	KEY("replace", BOOL, pk_config_file, replace),
	KEY("force", BOOL, pk_config_file, force),
	END
};

static const struct pk_key list_keys[] = {
	KEY("path", TEXT, pk_config_list, path, .check = pk_check_path),
	KEY("list", TEXT, pk_config_list, list, .check = pk_check_name),
	END
};

static const struct pk_key suppress_keys[] = {
	KEY("type", TEXT, pk_config_suppress, type, .check = pk_check_threat),
	KEY("offender", TEXT, pk_config_suppress, offender,
	    .check = pk_check_network),
	KEY("target", TEXT, pk_config_suppress, target,
	    .check = pk_check_network),
	KEY("indicator", TEXT, pk_config_suppress, indicator),
	KEY("feed", TEXT, pk_config_suppress, feed, .check = pk_check_name),
	KEY("until", TEXT, pk_config_suppress, until, .check = pk_check_until),
	KEY("comment", TEXT, pk_config_suppress, comment),
	END
};

static const struct pk_key output_keys[] = {
	KEY("path", TEXT, pk_config_output, path, .check = pk_check_path),
	KEY("profile", TEXT, pk_config_output, profile,
	    .check = pk_check_profile),
	{ .name = "types", .kind = PK_KEY_LIST,
	  .at = offsetof(struct pk_config_output, type),
	  .size = sizeof(((struct pk_config_output *)0)->type[0]),
	  .max = PK_CONFIG_TYPES,
	  .count = offsetof(struct pk_config_output, types),
	  .check = pk_check_threat },
	KEY("severity_min", TEXT, pk_config_output, severity_min,
	    .check = pk_check_threat_severity),
	KEY("rotate_bytes", NUMBER64, pk_config_output, rotate_bytes,
	    .max = 1ULL << 40),
	KEY("rotate_age", NUMBER, pk_config_output, rotate_age_s,
	    .max = 366 * 86400),
	KEY("keep", NUMBER, pk_config_output, keep, .max = PK_FILES_KEEP),
	END
};

#define SEND_LIST(word, field, counter, most, how)                          \
	{ .name = word, .kind = PK_KEY_LIST,                                \
	  .at = offsetof(struct pk_config_send, field),                     \
	  .size = sizeof(((struct pk_config_send *)0)->field[0]),           \
	  .max = (most), .count = offsetof(struct pk_config_send, counter), \
	  .check = (how) }
static const struct pk_key send_keys[] = {
	KEY("name", TEXT, pk_config_send, name, .check = pk_check_name),
	KEY("endpoint", TEXT, pk_config_send, endpoint,
	    .check = pk_check_endpoint),
	KEY("pattern", TEXT, pk_config_send, pattern,
	    .check = pk_check_pattern),
	KEY("connect", BOOL, pk_config_send, connect),
	KEY("server_key", TEXT, pk_config_send, server_key,
	    .check = pk_check_key),
	KEY("severity_min", TEXT, pk_config_send, severity_min,
	    .check = pk_check_threat_severity),
	KEY("profile", TEXT, pk_config_send, profile,
	    .check = pk_check_profile),
	SEND_LIST("types", type, types, PK_CONFIG_TYPES, pk_check_threat),
	SEND_LIST("feeds", feed, feeds, PK_CONFIG_FEEDS, pk_check_name),
	END
};

static const struct pk_key guard_keys[] = {
	KEY("bogons", BOOL, pk_config, guard.bogons),
	KEY("public_suffixes", BOOL, pk_config, guard.suffixes),
	KEY("shrink", NUMBER, pk_config, guard.shrink, .max = 100),
	KEY("growth", NUMBER, pk_config, guard.growth, .max = 1000000),
	LIST("own_networks", guard.network, guard.networks, PK_CONFIG_NETS,
	     .check = pk_check_network),
	END
};

static const struct pk_key top_keys[] = {
	KEY("sensor", TEXT, pk_config, sensor, .check = pk_check_name),
	KEY("user", TEXT, pk_config, user, .check = pk_check_name),
	KEY("run_dir", TEXT, pk_config, run_dir, .check = pk_check_path),
	KEY("pin_dir", TEXT, pk_config, pin_dir, .check = pk_check_path),
	KEY("state_dir", TEXT, pk_config, state_dir, .check = pk_check_path),
	KEY("libexec_dir", TEXT, pk_config, libexec_dir,
	    .check = pk_check_path),
	KEY("observer", ADDRESS, pk_config, observer),
	KEY("log_level", LEVEL, pk_config, log_level),
	KEY("keep", BOOL, pk_config, keep),
	KEY("flow", OBJECT, pk_config, flow, .keys = flow_keys),
	KEY("threats", OBJECT, pk_config, threats, .keys = threats_keys),
	SECTION("bus", bus_keys),
	SECTION("control", control_keys),
	SECTION("journal", journal_keys),
	SECTION("metrics", metrics_keys),
	LIST("interfaces", interface, interfaces, PK_CONFIG_INTERFACES,
	     .keys = interface_keys),
	LIST("ports", port, ports, PK_CONFIG_PORTS, .keys = port_keys),
	LIST("indicators", file, files, PK_CONFIG_FILES, .keys = file_keys),
	LIST("safelists", list, lists, PK_CONFIG_LISTS, .keys = list_keys),
	LIST("files", output, outputs, PK_CONFIG_OUTPUTS, .keys = output_keys),
	LIST("outputs", send, sends, PK_CONFIG_SENDS, .keys = send_keys),
	SECTION("guards", guard_keys),
	LIST("suppress", suppress, suppresses, PK_CONFIG_SUPPRESS,
	     .keys = suppress_keys),
	END
};
/* clang-format on */

static const struct pk_jsonc *member(const struct pk_jsonc *v, const char *name)
{
	if (!v)
		return NULL;
	for (v = v->child; v && strcmp(v->name, name) != 0; v = v->next)
		;
	return v;
}

static const struct pk_jsonc *element(const struct pk_jsonc *v, uint32_t i)
{
	for (v = v->child; i; i--)
		v = v->next;
	return v;
}

/* The elements of the list @name each have a @field that no other has. */
static int check_unique(const struct pk_config_reader *r,
			const struct pk_jsonc *top, const char *name,
			const char *field)
{
	const struct pk_jsonc *list = member(top, name);
	int i = 0;

	for (const struct pk_jsonc *e = list ? list->child : NULL; e;
	     e = e->next, i++) {
		const struct pk_jsonc *f = member(e, field);

		if (!f)
			return pk_config_fail(r, e->line,
					      "\"%s[%d]\" lacks \"%s\"", name,
					      i, field);
		for (const struct pk_jsonc *o = list->child; o != e;
		     o = o->next)
			if (!strcmp(member(o, field)->text, f->text))
				return pk_config_fail(
					r, f->line,
					"\"%s[%d].%s\" is \"%s\" once more, "
					"first on line %u",
					name, i, field, f->text,
					member(o, field)->line);
	}
	return 0;
}

static int check_ports(const struct pk_config_reader *r,
		       const struct pk_jsonc *top, struct pk_config *c)
{
	for (uint32_t i = 0; i < c->ports; i++) {
		struct pk_config_port *p = &c->port[i];

		if (!*p->vdev == !*p->pci)
			return pk_config_fail(
				r, element(member(top, "ports"), i)->line,
				"\"ports[%u]\" must have one of \"vdev\" "
				"and \"pci\"",
				i);
		if (!p->workers)
			p->workers = 1;
	}
	return 0;
}

/* A file without a name for its feed or list gives its own, which is to be
 * one. */
static int check_implied(const struct pk_config_reader *r,
			 const struct pk_jsonc *top, const char *list,
			 uint32_t i, const char *name)
{
	int is_feed = !strcmp(list, "indicators");

	if (*name && strlen(name) < PK_CONFIG_NAME)
		return 0;
	return pk_config_fail(r, element(member(top, list), i)->line,
			      "\"%s[%u]\" needs a \"%s\" of 1 to %d bytes, "
			      "as the file's name is none",
			      list, i, is_feed ? "feed" : "list",
			      PK_CONFIG_NAME - 1);
}

static int check_names(const struct pk_config_reader *r,
		       const struct pk_jsonc *top, const struct pk_config *c)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < c->files; i++)
		err = check_implied(r, top, "indicators", i,
				    pk_config_feed(&c->file[i]));
	for (uint32_t i = 0; !err && i < c->lists; i++)
		err = check_implied(r, top, "safelists", i,
				    pk_config_list(&c->list[i]));
	return err;
}

static int check_rule(const struct pk_config_reader *r, unsigned line,
		      const struct pk_config *c, uint32_t i,
		      struct pk_suppress *all)
{
	const struct pk_config_suppress *from = &c->suppress[i];
	const struct pk_suppress_said said = {
		.type = from->type,
		.offender = from->offender,
		.target = from->target,
		.indicator = from->indicator,
		.feed = from->feed,
		.by = PK_SUPPRESS_NOBODY,
	};
	char why[PK_SUPPRESS_WHY];
	uint32_t number;
	int err = pk_suppress_add(all, &said, &number, why);

	if (err == -EEXIST)
		return pk_config_fail(r, line,
				      "\"suppress[%u]\" names the same as "
				      "\"suppress[%u]\"",
				      i, number - 1);
	return err ? pk_config_fail(r, line, "\"suppress[%u]\": %s", i, why)
		   : 0;
}

/* As rules alone, without their ends: one may have ended meanwhile. */
static int check_rules(const struct pk_config_reader *r,
		       const struct pk_jsonc *top, const struct pk_config *c)
{
	struct pk_suppress *all;
	int err = pk_suppress_new(&all);

	if (err)
		return err;
	for (uint32_t i = 0; i < c->suppresses && !err; i++)
		err = check_rule(r, element(member(top, "suppress"), i)->line,
				 c, i, all);
	pk_suppress_free(all);
	return err;
}

/* What one key alone cannot tell. */
static int check_whole(const struct pk_config_reader *r,
		       const struct pk_jsonc *top, struct pk_config *c)
{
	uint32_t n = c->flow.capacity;
	int err;

	if (n & (n - 1))
		return pk_config_fail(
			r, member(member(top, "flow"), "capacity")->line,
			"\"flow.capacity\" must be a power of two, not %u", n);
	err = check_unique(r, top, "interfaces", "name");
	if (!err)
		err = check_unique(r, top, "ports", "name");
	if (!err)
		err = check_unique(r, top, "indicators", "path");
	if (!err)
		err = check_ports(r, top, c);
	if (!err)
		err = check_unique(r, top, "safelists", "path");
	if (!err)
		err = check_unique(r, top, "files", "path");
	if (!err)
		err = check_unique(r, top, "outputs", "name");
	if (!err)
		err = check_names(r, top, c);
	if (!err)
		err = check_rules(r, top, c);
	if (!c->endpoints) {
		c->endpoints = 1;
		snprintf(c->endpoint[0], PK_CONFIG_TEXT,
			 "ipc://%s/" PK_BUS_SOCKET, c->run_dir);
	}
	return err ? err : pk_config_check_bus(r, top, c);
}

static void set_defaults(struct pk_config *c)
{
	c->log_level = PK_LOG_INFO;
	c->upload_bytes = 1ULL << 30;
	c->journal_bytes = PK_JOURNAL_BYTES;
	strcpy(c->journal_sync, "second");
	c->flow = (struct pk_config_flow){ .idle_s = 15,
					   .active_s = 60,
					   .syn_s = 5,
					   .closed_s = 1,
					   .capacity = 1 << 18 };
	c->threats = (struct pk_config_threats){
		.mute_s = PK_THREAT_MUTE_NS / 1000000000,
		.hold_s = PK_THREAT_HOLD_SEC,
		.capacity = PK_THREAT_CAPACITY,
	};
	strcpy(c->run_dir, "/run/picket");
	strcpy(c->pin_dir, "/sys/fs/bpf/picket");
	strcpy(c->state_dir, STATE_DIR);
	strcpy(c->libexec_dir, LIBEXEC_DIR);
	c->guard = (struct pk_config_guard){
		.bogons = true, .suffixes = true, .shrink = 50, .growth = 10
	};
	for (uint32_t i = 0; i < PK_CONFIG_FILES; i++) {
		c->file[i].confidence = PK_CONFIDENCE_UNKNOWN;
		c->file[i].replace = true;
	}
	for (uint32_t i = 0; i < PK_CONFIG_SENDS; i++) {
		strcpy(c->send[i].pattern, "push");
		strcpy(c->send[i].profile, "picket");
	}
	for (uint32_t i = 0; i < PK_CONFIG_OUTPUTS; i++) {
		strcpy(c->output[i].profile, "picket");
		c->output[i].rotate_bytes = 256 << 20;
		c->output[i].keep = 8;
	}
	if (gethostname(c->sensor, sizeof(c->sensor) - 1) ||
	    pk_check_name(c->sensor))
		strcpy(c->sensor, "picket");
}

int pk_config_parse(struct pk_config **out, const char *name, const char *text,
		    size_t len, char *err, size_t errlen)
{
	struct pk_config_reader r = { name, err, errlen };
	struct pk_jsonc_error bad;
	struct pk_jsonc *top = NULL;
	struct pk_config *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		goto no_memory;
	set_defaults(c);
	rc = pk_jsonc_parse(&top, text, len, &bad);
	if (rc == -ENOMEM)
		goto no_memory;
	if (rc)
		pk_config_fail(&r, bad.line, "%s", bad.sentence);
	if (!rc)
		rc = pk_config_read(&r, top, top_keys, c);
	if (!rc)
		rc = check_whole(&r, top, c);
	pk_jsonc_free(top);
	if (rc) {
		pk_config_free(c);
		return rc;
	}
	*out = c;
	return 0;
no_memory:
	pk_config_free(c);
	snprintf(err, errlen, "%s: out of memory", name);
	return -ENOMEM;
}

int pk_config_new(struct pk_config **out)
{
	char err[64];

	return pk_config_parse(out, "defaults", "{}", 2, err, sizeof(err));
}

/* Who may write the file decides what root does. */
static int check_owner(const struct pk_config_reader *r, const struct stat *st)
{
	if (geteuid())
		return 0;
	if (st->st_mode & (S_IWGRP | S_IWOTH)) {
		snprintf(r->err, r->errlen,
			 "%s: others may write it (mode %04o): chmod go-w %s",
			 r->name, (unsigned)st->st_mode & 07777U, r->name);
		return -EPERM;
	}
	if (st->st_uid) {
		snprintf(r->err, r->errlen,
			 "%s: uid %u may write it, root does not follow that: "
			 "chown root %s",
			 r->name, (unsigned)st->st_uid, r->name);
		return -EPERM;
	}
	return 0;
}

static int say_errno(const struct pk_config_reader *r, const char *what)
{
	int err = errno;

	snprintf(r->err, r->errlen, "%s: cannot %s: %s", r->name, what,
		 strerror(err));
	return -err;
}

/* The whole of @fd; *@len is its length, at most PK_CONFIG_BYTES. */
static int read_all(const struct pk_config_reader *r, int fd, char *text,
		    size_t *len)
{
	ssize_t n = 1;

	for (*len = 0; n && *len <= PK_CONFIG_BYTES; *len += (size_t)n) {
		n = read(fd, text + *len, PK_CONFIG_BYTES + 1 - *len);
		if (n < 0)
			return say_errno(r, "read");
	}
	if (*len <= PK_CONFIG_BYTES)
		return 0;
	snprintf(r->err, r->errlen, "%s: longer than %d bytes", r->name,
		 PK_CONFIG_BYTES);
	return -EFBIG;
}

static int load_fd(struct pk_config **out, const struct pk_config_reader *r,
		   int fd)
{
	struct stat st;
	size_t len;
	char *text;
	int err;

	if (fstat(fd, &st))
		return say_errno(r, "examine");
	if (!S_ISREG(st.st_mode)) {
		snprintf(r->err, r->errlen, "%s: not a regular file", r->name);
		return -EINVAL;
	}
	err = check_owner(r, &st);
	if (err)
		return err;
	text = malloc(PK_CONFIG_BYTES + 1);
	if (!text) {
		errno = ENOMEM;
		return say_errno(r, "read");
	}
	err = read_all(r, fd, text, &len);
	if (!err)
		err = pk_config_parse(out, r->name, text, len, r->err,
				      r->errlen);
	free(text);
	return err;
}

int pk_config_load(struct pk_config **out, const char *path, char *err,
		   size_t errlen)
{
	struct pk_config_reader r = { path, err, errlen };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return say_errno(&r, "open");
	rc = load_fd(out, &r, fd);
	close(fd);
	return rc;
}

int pk_config_has_port(const struct pk_config *c, const char *name,
		       const char *device, int pci)
{
	for (uint32_t i = 0; i < c->ports; i++) {
		const struct pk_config_port *p = &c->port[i];

		if (!strcmp(p->name, name) &&
		    !strcmp(pci ? p->pci : p->vdev, device))
			return *device != '\0';
	}
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *pk_config_feed(const struct pk_config_file *f)
{
	return f->feed[0] ? f->feed : base_name(f->path);
}

const char *pk_config_list(const struct pk_config_list *l)
{
	return l->list[0] ? l->list : base_name(l->path);
}

void pk_config_free(struct pk_config *c)
{
	free(c);
}
