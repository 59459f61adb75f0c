/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/ctlops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "control/daemon/ctlops_bus.h"
#include "control/daemon/ctlops_inside.h"
#include "control/daemon/ctlops_threat.h"
#include "control/daemon/status.h"

void pk_ctlops_add_text(struct json_object *o, const char *key,
			const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

void pk_ctlops_add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

/* --- arguments ------------------------------------------------------------------- */

void pk_args_begin(struct pk_args *a, struct json_object *object)
{
	memset(a, 0, sizeof(*a));
	a->object = object;
}

static struct json_object *take(struct pk_args *a, const char *name,
				enum json_type type, const char *noun)
{
	struct json_object *v;

	if (!json_object_object_get_ex(a->object, name, &v))
		return NULL;
	a->taken++;
	if (json_object_get_type(v) == type)
		return v;
	if (!a->fault[0])
		snprintf(a->fault, sizeof(a->fault), "\"%s\" must be %s", name,
			 noun);
	return NULL;
}

const char *pk_args_text(struct pk_args *a, const char *name, bool need)
{
	struct json_object *v = take(a, name, json_type_string, "a string");

	if (!v) {
		if (need && !a->fault[0])
			snprintf(a->fault, sizeof(a->fault),
				 "\"%s\" is missing", name);
		return NULL;
	}
	if (strlen(json_object_get_string(v)) !=
		    (size_t)json_object_get_string_len(v) &&
	    !a->fault[0])
		snprintf(a->fault, sizeof(a->fault), "\"%s\" has a NUL in it",
			 name);
	return json_object_get_string(v);
}

bool pk_args_bool(struct pk_args *a, const char *name)
{
	struct json_object *v =
		take(a, name, json_type_boolean, "true or false");

	return v && json_object_get_boolean(v);
}

uint64_t pk_args_number(struct pk_args *a, const char *name, uint64_t absent,
			uint64_t max)
{
	struct json_object *v = take(a, name, json_type_int, "a number");
	int64_t n;

	if (!v)
		return absent;
	n = json_object_get_int64(v);
	if ((n < 0 || (uint64_t)n > max) && !a->fault[0])
		snprintf(a->fault, sizeof(a->fault),
			 "\"%s\" must be from 0 to %llu", name,
			 (unsigned long long)max);
	return n < 0 ? absent : (uint64_t)n;
}

int pk_args_fault(struct pk_args *a)
{
	unsigned members = (unsigned)json_object_object_length(a->object);

	if (!a->fault[0] && a->taken != members)
		snprintf(a->fault, sizeof(a->fault),
			 "an argument that the operation does not know");
	return a->fault[0] != '\0';
}

int pk_args_end(struct pk_args *a, struct pk_ctl_answer *out)
{
	if (!pk_args_fault(a))
		return 0;
	pk_ctl_fail(out, PK_CTL_E_USAGE, NULL, "%s", a->fault);
	return 1;
}

void pk_ctlops_fail(struct pk_ctl_answer *out, int status, const char *why)
{
	enum pk_ctl_code code = PK_CTL_E_FAILED;

	switch (status) {
	case -ENODEV:
	case -ENOENT:
		code = PK_CTL_E_NOT_FOUND;
		break;
	case -EPERM:
	case -EACCES:
		code = PK_CTL_E_PRIVILEGE;
		break;
	case -EBUSY:
	case -EEXIST:
		code = PK_CTL_E_CONFLICT;
		break;
	case -ECANCELED:
		code = PK_CTL_E_CONFIRM;
		break;
	case -EOPNOTSUPP:
		code = PK_CTL_E_CONFIGURATION;
		break;
	case -EINVAL:
		code = PK_CTL_E_USAGE;
		break;
	}
	pk_ctl_fail(out, code, NULL, "%s", why);
}

/* --- status ------------------------------------------------------------------------- */

static int op_status(void *arg, struct json_object *args, const void *bytes,
		     size_t n, struct pk_ctl_answer *out)
{
	struct json_object *o;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	if (pk_args_end(&a, out))
		return 0;
	o = pk_status_json(arg);
	if (!o)
		return -ENOMEM;
	pk_ctl_ok(out, o);
	return 0;
}

/* --- interfaces ------------------------------------------------------------------------ */

static const char *egress_word(const struct pk_xdp_attached *a)
{
	return a->egress == 1 ? "tcx" : a->egress == 2 ? "clsact" : "none";
}

static void add_notes(struct json_object *o, const struct pk_iface_view *v)
{
	struct json_object *notes = json_object_new_array();

	if (!v->attached.native)
		json_object_array_add(
			notes, json_object_new_string(
				       "generic XDP: merged packets (GRO) are "
				       "counted as one"));
	if (!v->attached.egress)
		json_object_array_add(
			notes, json_object_new_string(
				       "frames sent by this host are not "
				       "watched"));
	json_object_object_add(o, "notes", notes);
}

static void on_attached(void *arg, int status, const char *why,
			const struct pk_iface_view *v)
{
	struct pk_ctl_answer *out = arg;
	struct json_object *o;

	if (status || !v) {
		pk_ctlops_fail(out, status ? status : -EIO, why);
		return;
	}
	o = json_object_new_object();
	pk_ctlops_add_text(o, "interface", v->name);
	pk_ctlops_add_number(o, "ifindex", v->ifindex);
	pk_ctlops_add_number(o, "port", v->port);
	pk_ctlops_add_text(o, "mode", v->attached.native ? "native" : "skb");
	pk_ctlops_add_text(o, "egress", egress_word(&v->attached));
	add_notes(o, v);
	pk_ctl_ok(out, o);
}

/* 1: answered. A typo is the user's and not for the launcher to find. */
static int check_iface(const char *name, struct pk_ctl_answer *out)
{
	if (pk_spec_is_iface(name))
		return 0;
	pk_ctl_fail(out, PK_CTL_E_USAGE, NULL,
		    "\"%.64s\" is not the name of an interface", name);
	return 1;
}

static int op_attach(void *arg, struct json_object *args, const void *bytes,
		     size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	const char *name;
	struct pk_args a;
	uint32_t flags;
	int err;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	name = pk_args_text(&a, "interface", true);
	flags = (pk_args_bool(&a, "skb") ? PK_ATTACH_SKB : 0) |
		(pk_args_bool(&a, "ingress_only") ? PK_ATTACH_INGRESS_ONLY
						  : 0) |
		(pk_args_bool(&a, "yes") ? PK_ATTACH_YES : 0);
	if (pk_args_end(&a, out) || check_iface(name, out))
		return 0;
	err = pk_ifaces_attach(d->ifaces, name, flags, on_attached, out);
	return err ? err : PK_CTL_LATER;
}

static void on_detached(void *arg, int status, const char *why,
			const struct pk_iface_view *v)
{
	struct pk_ctl_answer *out = arg;
	struct json_object *o;

	if (status) {
		pk_ctlops_fail(out, status, why);
		return;
	}
	o = json_object_new_object();
	pk_ctlops_add_text(o, "interface", v->name);
	pk_ctl_ok(out, o);
}

static int op_detach(void *arg, struct json_object *args, const void *bytes,
		     size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	const char *name;
	struct pk_args a;
	int err;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	name = pk_args_text(&a, "interface", true);
	if (pk_args_end(&a, out) || check_iface(name, out))
		return 0;
	err = pk_ifaces_detach(d->ifaces, name, on_detached, out);
	return err ? err : PK_CTL_LATER;
}

/* --- ports ---------------------------------------------------------------------------------- */

struct port_op {
	struct pk_daemon *d;
	struct pk_ctl_answer *out;
	char name[PK_REQUEST_NAME];
};

static struct port_op *new_port_op(struct pk_daemon *d, const char *name,
				   struct pk_ctl_answer *out)
{
	struct port_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->d = d;
	op->out = out;
	snprintf(op->name, sizeof(op->name), "%s", name);
	return op;
}

static void on_port_added(void *arg, int status, const char *why)
{
	struct port_op *op = arg;
	const struct pk_plane_view *v = pk_planes_find(op->d->planes, op->name);
	struct json_object *o;

	if (status || !v) {
		pk_ctlops_fail(op->out, status ? status : -EIO, why);
		pk_planes_forget(op->d->planes, op->name);
		free(op);
		return;
	}
	o = json_object_new_object();
	pk_ctlops_add_text(o, "name", v->desc.name);
	pk_ctlops_add_number(o, "port", v->desc.port);
	pk_ctlops_add_text(o, "device", v->desc.device);
	pk_ctlops_add_number(o, "workers", v->desc.workers);
	pk_ctlops_add_number(o, "pid", (uint64_t)v->pid);
	pk_ctl_ok(op->out, o);
	free(op);
}

static int start_port(struct pk_daemon *d, const struct pk_plane_desc *desc,
		      struct pk_ctl_answer *out)
{
	struct port_op *op;
	int err = pk_planes_add(d->planes, desc);

	if (err == -EEXIST) {
		pk_ctl_fail(out, PK_CTL_E_CONFLICT, NULL,
			    "there is a port %s already", desc->name);
		return 0;
	}
	if (err)
		return err;
	op = new_port_op(d, desc->name, out);
	err = op ? pk_planes_start(d->planes, desc->name, on_port_added, op)
		 : -ENOMEM;
	if (!err)
		return PK_CTL_LATER;
	free(op);
	pk_planes_forget(d->planes, desc->name);
	return err;
}

/* All that the launcher would refuse, so that it need not. */
static int check_port(const struct pk_daemon *d, const char *name,
		      const char *device, int pci, struct pk_ctl_answer *out)
{
	char why[PK_REQUEST_WHY];
	int err;

	if (!pk_spec_is_port(name)) {
		pk_ctl_fail(out, PK_CTL_E_USAGE, NULL,
			    "a port's name must be " PK_SPEC_PORT_TEXT);
		return 1;
	}
	if (strlen(device) >= PK_REQUEST_DEVICE) {
		pk_ctl_fail(out, PK_CTL_E_USAGE, NULL,
			    "the device is longer than %d bytes",
			    PK_REQUEST_DEVICE - 1);
		return 1;
	}
	if (pk_config_has_port(d->conf->config, name, device, pci))
		return 0;
	err = pk_spec_may_ask(device, pci, why, sizeof(why));
	if (err)
		pk_ctlops_fail(out, err, why);
	return err != 0;
}

static int check_device(const char *vdev, const char *pci,
			struct pk_ctl_answer *out)
{
	if (!vdev == !pci) {
		pk_ctl_fail(out, PK_CTL_E_USAGE, NULL,
			    "one of \"vdev\" and \"pci\" is needed");
		return 1;
	}
	return 0;
}

static int op_port_add(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct pk_plane_desc desc = { .plane = PK_PLANE_DPDK };
	const char *name, *vdev, *pci, *device;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	name = pk_args_text(&a, "name", true);
	vdev = pk_args_text(&a, "vdev", false);
	pci = pk_args_text(&a, "pci", false);
	desc.workers =
		(uint32_t)pk_args_number(&a, "workers", 1, PK_WORKERS_MAX);
	desc.flags = (pk_args_bool(&a, "no_huge") ? PK_PORT_NO_HUGE : 0) |
		     (pci ? PK_PORT_PCI : 0);
	device = vdev ? vdev : pci;
	if (pk_args_end(&a, out) || check_device(vdev, pci, out) ||
	    check_port(d, name, device, pci != NULL, out))
		return 0;
	memcpy(desc.name, name, strlen(name));
	memcpy(desc.device, device, strlen(device));
	desc.port = pk_ifaces_free_port(d->ifaces);
	return start_port(d, &desc, out);
}

static void on_port_deleted(void *arg, int status, const char *why)
{
	struct port_op *op = arg;
	struct json_object *o;

	if (status) {
		pk_ctlops_fail(op->out, status, why);
	} else {
		o = json_object_new_object();
		pk_ctlops_add_text(o, "name", op->name);
		pk_ctl_ok(op->out, o);
	}
	free(op);
}

static int op_port_del(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct port_op *op;
	const char *name;
	struct pk_args a;
	int err;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	name = pk_args_text(&a, "name", true);
	if (pk_args_end(&a, out))
		return 0;
	op = new_port_op(d, name, out);
	if (!op)
		return -ENOMEM;
	err = pk_planes_stop(d->planes, name, on_port_deleted, op);
	if (!err)
		return PK_CTL_LATER;
	if (err == -ENOENT)
		pk_ctl_fail(out, PK_CTL_E_NOT_FOUND,
			    "`picketctl status` shows those that there are",
			    "there is no port %s", op->name);
	else
		pk_ctlops_fail(out, err,
			       "the port is being started or "
			       "stopped");
	free(op);
	return 0;
}

int pk_ctlops_register(struct pk_daemon *d)
{
	static const struct {
		const char *name;
		pk_ctl_fn *fn;
	} ops[] = {
		{ "status", op_status },     { "audit", pk_ctlops_audit },
		{ "attach", op_attach },     { "detach", op_detach },
		{ "port add", op_port_add }, { "port del", op_port_del },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]) && !err; i++)
		err = pk_ctl_add(d->ctl, ops[i].name, ops[i].fn, d);
	if (!err)
		err = pk_ctlops_register_threat(d);
	if (!err)
		err = pk_ctlops_register_bus(d);
	return err ? err : pk_ctlops_register_ioc(d);
}
