/* SPDX-License-Identifier: BSD-2-Clause */
/* picketd: the sensor's daemon; see control/launcher/launcher.h and README.md. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "control/bus.h"
#include "control/config.h"
#include "control/launcher/identity.h"
#include "control/launcher/launcher.h"
#include "control/log.h"

enum { WHY = 512 };

struct options {
	const char *config; /* NULL: the default, if it is there */
	const char *run_dir;
	const char *sensor;
	int check;
	int keep;
};

static void usage(FILE *to)
{
	fputs("usage: picketd [OPTION]...\n"
	      "Watch interfaces and capture ports for indicators of "
	      "compromise.\n\n"
	      "  -c, --config FILE   read FILE (default " PK_CONFIG_PATH
	      ", if it exists)\n"
	      "      --check         check the configuration and exit\n"
	      "  -f, --foreground    stay in the foreground (the default; "
	      "there is no other)\n"
	      "      --run-dir DIR   instead of the configured run_dir\n"
	      "      --sensor NAME   instead of the configured sensor\n"
	      "      --keep          leave the BPF programs attached at the "
	      "end\n"
	      "  -h, --help          show this text\n"
	      "  -V, --version       show the version\n\n"
	      "Exit status: 0 ended as asked, 1 failed, 2 usage, 6 "
	      "configuration,\n"
	      "8 missing privilege. Ask the running daemon with picketctl.\n",
	      to);
}

/* -1 to go on, else the exit status. */
static int parse_options(struct options *o, int argc, char **argv)
{
	enum { CHECK = 256, RUN_DIR, SENSOR, KEEP };
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, CHECK },
		{ "foreground", no_argument, NULL, 'f' },
		{ "run-dir", required_argument, NULL, RUN_DIR },
		{ "sensor", required_argument, NULL, SENSOR },
		{ "keep", no_argument, NULL, KEEP },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:fhV", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case CHECK:
			o->check = 1;
			break;
		case 'f':
			break;
		case RUN_DIR:
			o->run_dir = optarg;
			break;
		case SENSOR:
			o->sensor = optarg;
			break;
		case KEEP:
			o->keep = 1;
			break;
		case 'h':
			usage(stdout);
			return PK_EXIT_OK;
		case 'V':
			puts("picketd " PK_VERSION);
			return PK_EXIT_OK;
		default:
			usage(stderr);
			return PK_EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "picketd: \"%s\": nothing is expected here\n",
		argv[optind]);
	return PK_EXIT_USAGE;
}

static int override(char *to, size_t size, const char *what, const char *text)
{
	if (!text)
		return 0;
	if (!*text || strlen(text) >= size) {
		pk_err("%s must have 1 to %zu bytes", what, size - 1);
		return -1;
	}
	memcpy(to, text, strlen(text) + 1);
	return 0;
}

/*
 * The default endpoint of the bus is in the run directory. One that was
 * configured is not touched.
 */
static void move_endpoint(struct pk_config *c, const char *before)
{
	char was[PK_CONFIG_TEXT];

	snprintf(was, sizeof(was), "ipc://%s/" PK_BUS_SOCKET, before);
	if (c->endpoints == 1 && !strcmp(c->endpoint[0], was))
		snprintf(c->endpoint[0], PK_CONFIG_TEXT,
			 "ipc://%s/" PK_BUS_SOCKET, c->run_dir);
}

static int apply(struct pk_config *c, const struct options *o)
{
	char before[PK_CONFIG_DIR];

	memcpy(before, c->run_dir, sizeof(before));
	if (override(c->run_dir, sizeof(c->run_dir), "--run-dir", o->run_dir) ||
	    override(c->sensor, sizeof(c->sensor), "--sensor", o->sensor))
		return -1;
	if (c->run_dir[0] != '/') {
		pk_err("--run-dir %s: an absolute path is needed", c->run_dir);
		return -1;
	}
	move_endpoint(c, before);
	c->keep |= o->keep;
	return 0;
}

static const char *file_of(const struct options *o)
{
	return o->config ? o->config : PK_CONFIG_PATH;
}

static int identify(struct pk_identity *id, const struct pk_config *c,
		    const struct options *o)
{
	char why[WHY];
	int err = pk_identity_find(id, c->user, why, sizeof(why));

	if (err)
		pk_err("%s: %s", file_of(o), why);
	else if (why[0])
		pk_warn("%s", why);
	return err;
}

static int load(struct pk_config **out, const struct options *o)
{
	char why[WHY] = "";
	int err;

	err = pk_config_load(out, file_of(o), why, sizeof(why));
	if (err == -ENOENT && !o->config)
		err = pk_config_new(out);
	if (err)
		pk_err("%s", why[0] ? why : strerror(-err));
	return err;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct pk_config *c = NULL;
	struct pk_identity id;
	int status = parse_options(&o, argc, argv);

	if (status >= 0)
		return status;
	if (load(&c, &o))
		return PK_EXIT_CONFIGURATION;
	pk_log_set_level(c->log_level);
	status = apply(c, &o) ? PK_EXIT_USAGE : PK_EXIT_OK;
	if (!status && identify(&id, c, &o))
		status = PK_EXIT_CONFIGURATION;
	if (!status && o.check)
		pk_info("the configuration is sound");
	else if (!status)
		status = pk_launcher_run(c, &id);
	pk_config_free(c);
	return status;
}
