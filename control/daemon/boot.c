/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/daemon/daemon_inside.h"
#include "control/launcher/launcher.h"
#include "control/daemon/loader.h"
#include "control/log.h"
#include "ioc/feed/mapping.h"

/*
 * One step after the other; each begins the next one when it was answered:
 * greet the launcher (and adopt what is attached), read the safelists, load the
 * indicator files, attach the interfaces, start the ports, serve.
 */
struct pk_boot {
	struct pk_daemon *d;
	uint32_t file;
	uint32_t interface;
	uint32_t port;
	char *bytes;		    /* of the file under way */
	struct pk_mapping *mapping; /* of it, if not built in */
};

static void next_file(struct pk_boot *b);
static void next_interface(struct pk_boot *b);
static void next_port(struct pk_boot *b);

static int exit_status(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return PK_EXIT_PRIVILEGE;
	case -EOPNOTSUPP:
	case -ECANCELED:
	case -EINVAL:
		return PK_EXIT_CONFIGURATION;
	default:
		return PK_EXIT_FAILED;
	}
}

/* 1 when the daemon ends over it. */
static int failed(struct pk_boot *b, int err, const char *why)
{
	pk_err("%s", why);
	if (!b->d->conf->first)
		return 0;
	pk_daemon_end(b->d, exit_status(err));
	return 1;
}

/* --- ports ------------------------------------------------------------------------ */

static void on_port(void *arg, int status, const char *why)
{
	struct pk_boot *b = arg;

	if (status && failed(b, status, why))
		return;
	b->port++;
	next_port(b);
}

static void next_port(struct pk_boot *b)
{
	struct pk_daemon *d = b->d;
	const struct pk_config *c = d->conf->config;
	const struct pk_config_port *p = &c->port[b->port];
	struct pk_plane_desc desc = { .plane = PK_PLANE_DPDK };
	int err;

	if (b->port == c->ports) {
		if (pk_daemon_serve(d))
			pk_daemon_end(d, PK_EXIT_FAILED);
		return;
	}
	memcpy(desc.name, p->name, sizeof(p->name));
	if (p->pci[0])
		memcpy(desc.device, p->pci, sizeof(p->pci));
	else
		memcpy(desc.device, p->vdev, sizeof(p->vdev));
	desc.port = pk_ifaces_free_port(d->ifaces);
	desc.workers = p->workers;
	desc.flags = (p->pci[0] ? PK_PORT_PCI : 0) |
		     (p->no_huge ? PK_PORT_NO_HUGE : 0);
	err = pk_planes_add(d->planes, &desc);
	if (!err)
		err = pk_planes_start(d->planes, desc.name, on_port, b);
	if (err)
		on_port(b, err, "a configured port cannot be set up");
}

/* --- interfaces ------------------------------------------------------------------- */

static void on_interface(void *arg, int status, const char *why,
			 const struct pk_iface_view *v)
{
	struct pk_boot *b = arg;

	(void)v;
	if (status && failed(b, status, why))
		return;
	b->interface++;
	next_interface(b);
}

static void next_interface(struct pk_boot *b)
{
	struct pk_daemon *d = b->d;
	const struct pk_config *c = d->conf->config;
	const struct pk_config_interface *i;
	uint32_t flags;

	while (b->interface < c->interfaces &&
	       pk_ifaces_find(d->ifaces, c->interface[b->interface].name))
		b->interface++; /* adopted */
	if (b->interface == c->interfaces) {
		next_port(b);
		return;
	}
	i = &c->interface[b->interface];
	flags = (i->skb_mode ? PK_ATTACH_SKB : 0) |
		(i->ingress_only ? PK_ATTACH_INGRESS_ONLY : 0) |
		(i->yes ? PK_ATTACH_YES : 0);
	if (pk_ifaces_attach(d->ifaces, i->name, flags, on_interface, b))
		on_interface(b, -ENOMEM, "out of memory", NULL);
}

/* --- files ------------------------------------------------------------------------- */

/* The whole file, as it was when we read it. NULL with errno set. */
static char *read_file(int fd, size_t *len)
{
	struct stat st;
	char *bytes;
	ssize_t n;

	*len = 0;
	if (fstat(fd, &st))
		return NULL;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return NULL;
	while (*len < (size_t)st.st_size) {
		n = read(fd, bytes + *len, (size_t)st.st_size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(bytes);
			return NULL;
		}
		if (!n)
			break;
		*len += (size_t)n;
	}
	return bytes;
}

/* A feed that is held back leaves things as they were. */
static int is_fatal(int status)
{
	return status && status != -EPERM && status != -EBADMSG;
}

static void on_file(void *arg, int status, const char *why,
		    const struct pk_load_result *r)
{
	struct pk_boot *b = arg;
	const struct pk_config_file *f = &b->d->conf->config->file[b->file];

	if (status == -ECANCELED)
		return;
	if (r && !status)
		pk_info("indicator file %s is loaded records=%llu "
			"indicators=%llu refused=%llu added=%llu changed=%llu "
			"withdrawn=%llu",
			f->path, (unsigned long long)r->stats.records,
			(unsigned long long)r->stats.indicators,
			(unsigned long long)pk_feed_refused(&r->stats),
			(unsigned long long)r->added,
			(unsigned long long)r->changed,
			(unsigned long long)r->withdrawn);
	for (unsigned i = 0; r && i < r->samples; i++)
		pk_warn("%s", r->sample[i]);
	free(b->bytes);
	b->bytes = NULL;
	pk_mapping_free(b->mapping);
	b->mapping = NULL;
	if (is_fatal(status) && failed(b, status, why))
		return;
	if (status && !is_fatal(status))
		pk_err("indicator file %s is not loaded: %s", f->path, why);
	b->file++;
	next_file(b);
}

static int read_mapping(struct pk_boot *b, const struct pk_mapping **out)
{
	const struct pk_config_file *f = &b->d->conf->config->file[b->file];
	char why[PK_MAPPING_WHY_MAX] = "it cannot be read";
	int fd = b->d->conf->mapping[b->file], err;
	char *text;
	size_t len;

	*out = pk_mapping_find(f->mapping);
	if (!*f->mapping || *out)
		return 0;
	text = fd < 0 ? NULL : read_file(fd, &len);
	err = text ? pk_mapping_parse(&b->mapping, f->mapping, text, len, why)
		   : -ENOENT;
	free(text);
	if (err)
		pk_err("mapping %s: %s", f->mapping, why);
	*out = b->mapping;
	return err;
}

static void set_options(struct pk_feed_options *o,
			const struct pk_config_file *f)
{
	struct pk_meta *m = &o->meta;

	if (*f->format)
		o->format = (enum pk_feed_format)pk_feed_format_find(f->format);
	if (*f->match)
		o->match = (enum pk_match)pk_match_find(f->match);
	o->has_type = *f->type != '\0';
	if (*f->type)
		o->type = (uint8_t)pk_indicator_type_find(f->type);
	o->refang = f->refang;
	o->hosts = f->hosts;
	o->everything = f->everything;
	if (f->score_min)
		o->score_min = f->score_min;
	o->ttl_sec = f->ttl_s;
	m->threat_type = f->threat_type;
	m->tags = f->tags;
	m->attribution = f->attribution;
	m->confidence = (uint8_t)f->confidence;
	m->threat_class = (uint8_t)pk_threat_class_guess(
		*f->class ? f->class : f->threat_type);
	if (*f->severity)
		m->severity = (uint8_t)pk_severity_find(f->severity);
	if (*f->tlp)
		m->tlp = (uint8_t)pk_tlp_find(f->tlp);
	if (*f->action)
		m->action = (uint8_t)pk_action_find(f->action);
}

/* A file that cannot be opened was named by the launcher: it opened them. */
static int start_file(struct pk_boot *b)
{
	struct pk_daemon *d = b->d;
	const struct pk_config_file *f = &d->conf->config->file[b->file];
	struct pk_load_job job = {
		.kind = f->replace ? PK_LOAD_REPLACE : PK_LOAD_ADD,
		.op = f->replace ? "replace" : "load",
		.feed = pk_config_feed(f),
		.name = f->path,
		.licence = f->licence,
		.attribution = f->attribution,
		.force = f->force,
		.still = 1,
		.fn = on_file,
		.arg = b,
	};
	int fd = d->conf->file[b->file], err;

	if (fd < 0)
		return -ENOENT;
	pk_feed_options_init(&job.options);
	set_options(&job.options, f);
	job.options.now = pk_indicators_clock(d->indicators);
	err = read_mapping(b, &job.options.mapping);
	if (err)
		return err;
	b->bytes = read_file(fd, &job.len);
	err = b->bytes ? 0 : -errno;
	close(fd);
	job.bytes = b->bytes;
	return err ? err : pk_loader_start(d->loader, &job);
}

static void next_file(struct pk_boot *b)
{
	int err;

	if (b->file == b->d->conf->config->files) {
		next_interface(b);
		return;
	}
	err = start_file(b);
	if (err)
		on_file(b, err, "an indicator file cannot be loaded", NULL);
}

/* --- safelists ------------------------------------------------------------------------- */

static int read_list(struct pk_daemon *d, uint32_t i, char *why)
{
	const char *list = pk_config_list(&d->conf->config->list[i]);
	int fd = d->conf->list[i];
	size_t len = 0;
	char *bytes = fd < 0 ? NULL : read_file(fd, &len);
	int err;

	if (!bytes)
		return -ENOENT;
	close(fd);
	err = pk_guards_load(d->guards, list, bytes, len, why);
	free(bytes);
	return err;
}

/* They come before what they keep out. */
static int read_lists(struct pk_boot *b)
{
	const struct pk_config *c = b->d->conf->config;

	for (uint32_t i = 0; i < c->lists; i++) {
		char why[PK_SAFELIST_SENTENCE] =
			"a configured safelist cannot be read";
		int err = read_list(b->d, i, why);

		if (err && failed(b, err, why))
			return err;
	}
	return 0;
}

/* --- hello ---------------------------------------------------------------------------- */

static void on_adopted(void *arg, int status, const char *why,
		       const struct pk_iface_view *v)
{
	struct pk_boot *b = arg;

	(void)v;
	if (status && failed(b, status, why))
		return;
	if (!read_lists(b))
		next_file(b);
}

static void on_hello(void *arg, const struct pk_answer *a, struct pk_fds *fds)
{
	struct pk_boot *b = arg;

	if (a->status && failed(b, a->status, a->why))
		return;
	pk_ifaces_hello(b->d->ifaces, a, fds, on_adopted, b);
}

void pk_boot_start(struct pk_daemon *d)
{
	struct pk_request hello = { .kind = PK_REQUEST_HELLO };

	d->boot = calloc(1, sizeof(*d->boot));
	if (d->boot)
		d->boot->d = d;
	if (!d->boot ||
	    pk_asker_ask(d->asker, &hello, NULL, on_hello, d->boot)) {
		pk_err("the daemon cannot start");
		pk_daemon_end(d, PK_EXIT_FAILED);
	}
}

void pk_boot_free(struct pk_daemon *d)
{
	if (d->boot) {
		free(d->boot->bytes);
		pk_mapping_free(d->boot->mapping);
	}
	free(d->boot);
	d->boot = NULL;
}
