/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctlops_rig: a daemon without planes behind a control socket, with the
 * launcher's end of its socket in the test's hand. The event loop, the clients
 * and the launcher take turns in one thread, so every wait is for a condition.
 */
#ifndef PK_TESTS_CTLOPS_RIG_H
#define PK_TESTS_CTLOPS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <ftw.h>
#include <json-c/json.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpf/match.h"
#include "control/daemon/ctlops.h"
#include "control/daemon/daemon_inside.h"
#include "control/daemon/indicators_inside.h"
#include "control/daemon/loader_inside.h"
#include "ioc/image/lookup.h"

#define RIG static inline __attribute__((unused))

enum { TURNS = 200000, LINE = 4 << 20, MANY = 2000 };

struct rig {
	char dir[32];
	char path[64];
	char rejected[64]; /* beside the disk */
	struct pk_config *config;
	struct pk_daemon_conf conf;
	struct pk_daemon d;
	int launcher;
	struct pk_control control; /* of a target whose slots are small */
};

/* @dir: of the disk, NULL: none. */
RIG void open_rig_in(struct rig *r, const char *dir)
{
	struct pk_asker_conf asker = { .arg = &r->d };
	struct pk_indicators_conf ind = { .seed = 5 };
	struct pk_ctl_conf ctl = { .upload_bytes = 1 << 28 };
	struct pk_planes_conf planes = { 0 };
	struct pk_ifaces_conf ifaces = { 0 };
	struct pk_guards_conf guards = { .seed = 5 };
	struct pk_loader_conf loader = { 0 };
	struct pk_daemon *d = &r->d;
	int pair[2];

	memset(r, 0, sizeof(*r));
	ind.dir = dir;
	strcpy(r->dir, "/tmp/pk-ctlops-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/s", r->dir);
	assert_int_equal(pk_config_new(&r->config), 0);
	r->conf.config = r->config;
	d->conf = &r->conf;
	d->base = event_base_new();
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	r->launcher = pair[0];
	asker.base = ind.base = planes.base = d->base;
	asker.fd = pair[1];
	assert_int_equal(pk_asker_new(&d->asker, &asker), 0);
	assert_int_equal(pk_grace_new(&d->grace), 0);
	ind.asker = planes.asker = ifaces.asker = d->asker;
	ind.grace = d->grace;
	assert_int_equal(pk_indicators_new(&d->indicators, &ind), 0);
	assert_int_equal(pk_guards_new(&d->guards, &guards), 0);
	assert_int_equal(pk_evidence_new(&d->evidence), 0);
	assert_int_equal(pk_rules_new(&d->rules, NULL, NULL, 0), 0);
	loader.base = d->base;
	loader.indicators = d->indicators;
	loader.guards = d->guards;
	snprintf(r->rejected, sizeof(r->rejected), "%.50s/rejected",
		 dir ? dir : "");
	loader.dir = dir ? r->rejected : NULL;
	assert_int_equal(pk_loader_new(&d->loader, &loader), 0);
	assert_int_equal(pk_jobs_new(&d->jobs, d->base), 0);
	assert_int_equal(pk_planes_new(&d->planes, &planes), 0);
	ifaces.planes = d->planes;
	ifaces.indicators = d->indicators;
	assert_int_equal(pk_ifaces_new(&d->ifaces, &ifaces), 0);
	assert_int_equal(pk_ctl_listen(&ctl.fd, r->path, getegid()), 0);
	assert_int_equal(pk_ctl_new(&d->ctl, d->base, &ctl), 0);
	assert_int_equal(pk_ctlops_register(d), 0);
}

RIG void open_rig(struct rig *r)
{
	open_rig_in(r, NULL);
}

RIG void close_rig(struct rig *r)
{
	struct pk_daemon *d = &r->d;

	pk_ctl_free(d->ctl);
	pk_loader_free(d->loader);
	pk_jobs_free(d->jobs);
	pk_planes_free(d->planes);
	pk_ifaces_free(d->ifaces);
	pk_indicators_free(d->indicators);
	pk_evidence_free(d->evidence);
	pk_rules_free(d->rules);
	pk_guards_free(d->guards);
	free(d->report);
	pk_grace_free(d->grace);
	pk_asker_free(d->asker);
	event_base_free(d->base);
	pk_config_free(r->config);
	close(r->launcher);
	unlink(r->path);
	rmdir(r->dir);
}

/* Once round: without ONCE it would go on while there is a job. */
RIG void turn(struct rig *r)
{
	event_base_loop(r->d.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	usleep(50);
}

/* --- a client ----------------------------------------------------------------- */

/* All of @len bytes, while the server reads them. */
RIG void send_all(struct rig *r, int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	for (int i = 0; len && i < TURNS; i++) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else {
			turn(r);
		}
	}
	assert_int_equal(len, 0);
}

/* A request with an upload. */
RIG int ask_with(struct rig *r, const char *op, const char *args,
		 const char *bytes, size_t len)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char line[4096];
	uint32_t head[2] = { 0, 0 };
	int n = snprintf(line, sizeof(line),
			 "{\"op\":\"%s\",\"args\":{%s},\"bytes\":%zu}\n", op,
			 args, len);

	strcpy(at.sun_path, r->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	send_all(r, fd, line, (size_t)n);
	for (size_t done = 0; done < len; head[0]++) {
		head[1] = (uint32_t)(len - done < PK_CTL_CHUNK_MAX
					     ? len - done
					     : PK_CTL_CHUNK_MAX);
		send_all(r, fd, head, sizeof(head));
		send_all(r, fd, bytes + done, head[1]);
		done += head[1];
	}
	return fd;
}

RIG int ask(struct rig *r, const char *op, const char *args)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char line[4096];
	int n = snprintf(line, sizeof(line), "{\"op\":\"%s\",\"args\":{%s}}\n",
			 op, args);

	strcpy(at.sun_path, r->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(send(fd, line, (size_t)n, MSG_NOSIGNAL), n);
	return fd;
}

/* The answer, which the caller owns. */
RIG struct json_object *answer(struct rig *r, int fd)
{
	struct json_object *o;
	char *line = calloc(1, LINE);
	size_t got = 0;

	for (int i = 0; i < TURNS && !(got && line[got - 1] == '\n'); i++) {
		ssize_t n = recv(fd, line + got, LINE - 1 - got, 0);

		got += n > 0 ? (size_t)n : 0;
		line[got] = '\0';
		turn(r);
	}
	close(fd);
	o = json_tokener_parse(line);
	if (!o)
		fail_msg("no answer: \"%s\"", line);
	free(line);
	return o;
}

RIG struct json_object *member(struct json_object *o, const char *part,
			       const char *name)
{
	struct json_object *v = NULL;

	if (!json_object_object_get_ex(o, part, &v) ||
	    !json_object_object_get_ex(v, name, &v))
		fail_msg("no %s.%s in %s", part, name,
			 json_object_to_json_string(o));
	return v;
}

RIG uint64_t generation(struct json_object *o)
{
	return json_object_get_uint64(member(o, "result", "generation"));
}

/* The code of the answer's error; @text must be in its message. */
RIG void expect_error(struct rig *r, int fd, const char *code, const char *text)
{
	struct json_object *o = answer(r, fd);
	const char *message =
		json_object_get_string(member(o, "error", "message"));

	assert_string_equal(json_object_get_string(member(o, "error", "code")),
			    code);
	if (!strstr(message, text))
		fail_msg("\"%s\" is not in \"%s\"", text, message);
	json_object_put(o);
}

/* --- the launcher -------------------------------------------------------------- */

/* The next request: 1, or 0 when none comes until the loop is at rest. */
RIG int request(struct rig *r, struct pk_request *q)
{
	struct pk_fds fds;

	for (int i = 0; i < 200; i++) {
		int n = pk_request_recv(r->launcher, q, sizeof(*q), &fds);

		if (n == 1)
			pk_fds_close(&fds);
		if (n)
			return n;
		turn(r);
	}
	return 0;
}

RIG void reply(struct rig *r, const struct pk_request *q, int status,
	       const char *why, int fd)
{
	struct pk_answer a = { .version = PK_REQUEST_VERSION,
			       .kind = q->kind,
			       .id = q->id,
			       .status = status };
	struct pk_fds fds = { fd >= 0, { fd } };

	snprintf(a.why, sizeof(a.why), "%s", why);
	assert_int_equal(pk_request_send(r->launcher, &a, sizeof(a), &fds), 0);
}

/* Into the store, unseen. */
RIG void store_many(struct rig *r)
{
	struct pk_indicator ind;
	char text[32];
	uint32_t slot;

	assert_true(pk_indicators_feed(r->d.indicators, "many") >= 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "10.1.%d.%d", i / 250, i % 250);
		pk_indicator_init(&ind);
		assert_int_equal(pk_indicator_parse(&ind, text, strlen(text)),
				 PK_REFUSED_NONE);
		assert_int_equal(
			pk_indicators_add(r->d.indicators, &ind, &slot), 0);
	}
}

/* --- short ways ----------------------------------------------------------------------- */

RIG struct json_object *ok(struct rig *r, const char *op, const char *args)
{
	struct json_object *o = answer(r, ask(r, op, args)), *result;

	if (!json_object_object_get_ex(o, "result", &result))
		fail_msg("%s {%s}: %s", op, args,
			 json_object_to_json_string(o));
	json_object_get(result);
	json_object_put(o);
	return result;
}

RIG struct json_object *upload(struct rig *r, const char *op, const char *args,
			       const char *bytes)
{
	return answer(r, ask_with(r, op, args, bytes, strlen(bytes)));
}

RIG struct json_object *uploaded(struct rig *r, const char *op,
				 const char *args, const char *bytes)
{
	struct json_object *o = upload(r, op, args, bytes), *result;

	if (!json_object_object_get_ex(o, "result", &result))
		fail_msg("%s {%s}: %s", op, args,
			 json_object_to_json_string(o));
	json_object_get(result);
	json_object_put(o);
	return result;
}

RIG struct json_object *at(struct json_object *o, const char *path)
{
	char part[64];

	while (*path) {
		size_t n = strcspn(path, ".");
		struct json_object *v = NULL;

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		if (json_object_is_type(o, json_type_array))
			v = json_object_array_get_idx(o,
						      strtoul(part, NULL, 10));
		else
			json_object_object_get_ex(o, part, &v);
		if (!v)
			fail_msg("no %s in %s", path,
				 json_object_to_json_string(o));
		o = v;
		path += n + (path[n] == '.');
	}
	return o;
}

RIG uint64_t number(struct json_object *o, const char *path)
{
	return json_object_get_uint64(at(o, path));
}

RIG const char *text(struct json_object *o, const char *path)
{
	return json_object_get_string(at(o, path));
}

/* Does the active image match the address and port, or the name? */
RIG int matches(const struct rig *r, const char *value)
{
	struct pk_indicator ind;
	struct pk_view v;

	pk_images_view(pk_indicators_images(r->d.indicators), &v);
	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, value, strlen(value)),
			 PK_REFUSED_NONE);
	if (ind.type == PK_INDICATOR_DOMAIN)
		return pk_name_find(&v, ind.value, NULL) != 0;
	return pk_view_match(&v, &ind.addr, ind.port) != 0;
}

/* Wait until nothing is under way: bases included. */
RIG void rest(struct rig *r)
{
	struct pk_indicators_state s;
	int i;

	for (i = 0; i < TURNS; i++) {
		pk_indicators_state(r->d.indicators, &s);
		if (pk_indicators_is_settled(r->d.indicators) && !s.building &&
		    !r->d.indicators->want_base)
			break;
		turn(r);
	}
	assert_true(i < TURNS);
}

RIG void put(struct json_object *o)
{
	json_object_put(o);
}

RIG int unlink_one(const char *path, const struct stat *st, int what,
		   struct FTW *ftw)
{
	(void)st;
	(void)what;
	(void)ftw;
	return remove(path);
}

RIG void remove_dir(const char *dir)
{
	nftw(dir, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif /* PK_TESTS_CTLOPS_RIG_H */
