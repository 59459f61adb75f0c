/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/metrics.h"

#include <errno.h>
#include <stdio.h>

#include <json-c/json.h>

#include "control/daemon/daemon_inside.h"
#include "control/daemon/status.h"
#include "control/metrics/exposition.h"
#include "control/metrics/tree.h"

static void add_gauge(struct pk_exposition *e, const char *name,
		      const char *help, uint64_t value,
		      const struct pk_labels *labels)
{
	const struct pk_sample s = { .module = "",
				     .name = name,
				     .help = help,
				     .type = PK_METRIC_GAUGE,
				     .value = value };

	pk_exposition_add(e, &s, labels);
}

static void add_sensor(struct pk_exposition *e, const struct pk_daemon *d)
{
	static const struct pk_labels none;
	struct pk_labels labels = {
		.label = { { "version", PK_VERSION },
			   { "sensor", d->conf->config->sensor } },
		.count = 2,
	};

	add_gauge(e, "info", "this sensor", 1, &labels);
	add_gauge(e, "start_time_seconds", "when the daemon was started",
		  d->start_ns / 1000000000, &none);
	add_gauge(e, "generation", "of the indicators",
		  pk_indicators_generation(d->indicators), &none);
}

/* Feeds without indicators are left out; those over the bound are one. */
static void add_feeds(struct pk_exposition *e, const struct pk_daemon *d)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	unsigned n = pk_store_feed_count(s), shown = 0;
	static const char help[] = "indicators in force, by the feed that "
				   "says them; those beyond the first 1024 "
				   "feeds are summed up in \"\"";
	struct pk_labels labels = { .label = { { "feed", "" } }, .count = 1 };
	uint64_t others = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t items = pk_store_feed_items(s, (uint16_t)i);

		if (!items)
			continue;
		if (shown++ >= PK_DAEMON_METRICS_FEEDS) {
			others += items;
			continue;
		}
		labels.label[0].value =
			pk_indicators_feed_name(d->indicators, (uint16_t)i);
		add_gauge(e, "feed_indicators", help, items, &labels);
	}
	labels.label[0].value = "";
	if (others)
		add_gauge(e, "feed_indicators", help, others, &labels);
}

static void add_latency(struct pk_exposition *e, const struct pk_daemon *d)
{
	for (unsigned s = 0; s < PK_LATENCY_STAGE_COUNT; s++)
		for (unsigned r = 0; r < PK_LATENCY_RECORDS; r++) {
			const struct pk_labels labels = {
				.label = { { "stage",
					     pk_latency_stage_word(s) },
					   { "record",
					     pk_latency_record_word(r) } },
				.count = 2,
			};

			pk_exposition_histogram(
				e, "latency_seconds",
				"how long records, and the threats that they "
				"are evidence of, took to each stage",
				&labels, &d->latency.of[s][r]);
		}
}

static int render(void *arg, char **text, size_t *len)
{
	struct pk_daemon *d = arg;
	struct json_object *status = pk_status_json(d);
	struct pk_exposition *e;
	int err = -ENOMEM;

	if (!status || pk_exposition_new(&e)) {
		json_object_put(status);
		return -ENOMEM;
	}
	add_sensor(e, d);
	add_feeds(e, d);
	pk_tree_metrics(status, e);
	add_latency(e, d);
	err = pk_exposition_text(e, text, len);
	pk_exposition_free(e);
	json_object_put(status);
	return err;
}

int pk_daemon_metrics(struct pk_daemon *d)
{
	const struct pk_metrics_conf conf = {
		.base = d->base,
		.listen = d->conf->config->metrics_listen,
		.render = render,
		.arg = d,
	};

	return *conf.listen ? pk_metrics_new(&d->metrics, &conf) : 0;
}
