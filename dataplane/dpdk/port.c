/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/port.h"

#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/dpdk/eal.h"

enum {
	DESCRIPTORS = 2048, /* asked for; the driver has the last word */
	SEND_DESCRIPTORS = 256,
	POOL_CACHE = 256,
	KEY_BYTES = 40,
	KEY_BYTES_MAX = 64,
};

struct speaker {
	pk_say_fn *say;
	void *arg;
};

static int refuse(const struct pk_port *p, const struct speaker *s,
		  const char *what, int err)
{
	const char *complaint = pk_eal_complaint();

	pk_say(s->say, s->arg,
	       "device %s: %s failed (%s)%s%s: check the driver's limits, --workers and --memory",
	       p->device->text, what, strerror(-err), *complaint ? ": " : "",
	       complaint);
	return err;
}

static int find_port(struct pk_port *p, const struct speaker *s)
{
	unsigned count = 0;
	uint16_t id;

	RTE_ETH_FOREACH_DEV(id)
	{
		p->id = id;
		count++;
	}
	p->found = count == 1;
	if (p->found)
		return 0;
	pk_say(s->say, s->arg,
	       "device %s: DPDK made %u ports of it, one is needed: %s",
	       p->device->text, count, pk_eal_complaint());
	return -ENODEV;
}

static int make_pool(struct pk_port *p, const struct speaker *s)
{
	const struct pk_device *d = p->device;

	p->pool = rte_pktmbuf_pool_create("frames", d->buffers - 1, POOL_CACHE,
					  0, (uint16_t)d->buffer_bytes,
					  SOCKET_ID_ANY);
	if (p->pool)
		return 0;
	pk_say(s->say, s->arg,
	       "device %s: no memory for %u buffers of %u bytes (%s): give --memory %u or more",
	       d->text, d->buffers, d->buffer_bytes, rte_strerror(rte_errno),
	       d->memory_mib);
	return -ENOMEM;
}

/* Both directions of a flow get the same hash from this repeated key. */
static void symmetric_key(uint8_t *key, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		key[i] = i & 1 ? 0x5a : 0x6d;
}

static int configure(struct pk_port *p, const struct rte_eth_dev_info *info,
		     uint16_t senders)
{
	uint64_t wanted = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
	uint8_t key[KEY_BYTES_MAX];
	struct rte_eth_conf conf;

	memset(&conf, 0, sizeof(conf));
	if (p->device->mtu)
		conf.rxmode.mtu = p->device->mtu;
	wanted &= info->flow_type_rss_offloads;
	if (p->queues > 1 && wanted && info->hash_key_size <= KEY_BYTES_MAX) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = wanted;
		conf.rx_adv_conf.rss_conf.rss_key = key;
		conf.rx_adv_conf.rss_conf.rss_key_len =
			info->hash_key_size ? info->hash_key_size : KEY_BYTES;
		symmetric_key(key, sizeof(key));
	}
	return rte_eth_dev_configure(p->id, p->queues, senders, &conf);
}

/* Drivers insist on send queues; nothing is sent. */
static int set_up_queues(struct pk_port *p, uint16_t senders)
{
	uint16_t receive = DESCRIPTORS, send = SEND_DESCRIPTORS;
	int socket = rte_eth_dev_socket_id(p->id);
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &receive, &send);

	for (uint16_t q = 0; !err && q < p->queues; q++)
		err = rte_eth_rx_queue_setup(p->id, q, receive,
					     (unsigned)socket, NULL, p->pool);
	for (uint16_t q = 0; !err && q < senders; q++)
		err = rte_eth_tx_queue_setup(p->id, q, send, (unsigned)socket,
					     NULL);
	return err;
}

static int see_all(struct pk_port *p)
{
	int err;

	if (*p->device->net.name)
		return pk_netdev_promiscuous(&p->device->net);
	err = rte_eth_promiscuous_enable(p->id);
	return err == -ENOTSUP ? 0 : err;
}

static int bring_up(struct pk_port *p, const struct speaker *s)
{
	struct rte_eth_dev_info info;
	int err = rte_eth_dev_info_get(p->id, &info);
	uint16_t senders;

	if (err)
		return refuse(p, s, "asking what it can do", err);
	if (p->queues > info.max_rx_queues) {
		pk_say(s->say, s->arg,
		       "device %s: it has %u receive queues, --workers %u needs as many: lower --workers",
		       p->device->text, info.max_rx_queues, p->queues);
		return -EINVAL;
	}
	senders = RTE_MIN(p->queues, info.max_tx_queues);
	err = configure(p, &info, senders);
	if (err)
		return refuse(p, s, "the configuration", err);
	err = set_up_queues(p, senders);
	if (err)
		return refuse(p, s, "setting up the queues", err);
	err = rte_eth_dev_start(p->id);
	if (err)
		return refuse(p, s, "the start", err);
	p->started = 1;
	err = see_all(p);
	return err ? refuse(p, s, "promiscuous mode", err) : 0;
}

int pk_port_start(struct pk_port *p, struct pk_device *d,
		  const struct pk_options *o, pk_say_fn *say, void *arg)
{
	const struct speaker s = { say, arg };
	int err;

	memset(p, 0, sizeof(*p));
	p->device = d;
	p->queues = (uint16_t)o->workers;
	err = find_port(p, &s);
	if (err)
		return err;
	err = make_pool(p, &s);
	if (err)
		return err;
	err = bring_up(p, &s);
	if (err || !d->af_packet)
		return err;
	err = pk_netdev_find_sockets(&d->net);
	return err ? refuse(p, &s, "finding its sockets", err) : 0;
}

void pk_port_stop(struct pk_port *p)
{
	if (p->started)
		rte_eth_dev_stop(p->id);
	if (p->found)
		rte_eth_dev_close(p->id);
	rte_mempool_free(p->pool);
	memset(p, 0, sizeof(*p));
}

void pk_port_count(struct pk_port *p, struct pk_stage_counters *stats)
{
	p->stats = stats;
	p->before = *stats;
}

void pk_port_update(struct pk_port *p)
{
	struct rte_eth_stats now;

	if (!p->stats)
		return;
	if (!rte_eth_stats_get(p->id, &now)) {
		p->stats->nic_packets = p->before.nic_packets + now.ipackets;
		p->stats->nic_missed = p->before.nic_missed + now.imissed;
		p->stats->nic_errors = p->before.nic_errors + now.ierrors;
		p->stats->nic_nombuf = p->before.nic_nombuf + now.rx_nombuf;
	}
	p->stats->socket_drops =
		p->before.socket_drops + pk_netdev_drops(&p->device->net);
}

int pk_port_check(struct pk_port *p, pk_say_fn *say, void *arg)
{
	struct pk_device *d = p->device;
	unsigned mtu;

	if (pk_netdev_check(&d->net, &mtu)) {
		pk_say(say, arg,
		       "interface %s: it is gone: the port ends; create it and start the port again",
		       d->net.name);
		return -ENODEV;
	}
	if (!d->frame_room || mtu <= d->net.mtu ||
	    mtu + RTE_ETHER_HDR_LEN <= d->frame_room || p->told_mtu)
		return 0;
	p->told_mtu = 1;
	pk_say(say, arg,
	       "interface %s: its MTU was raised to %u, ring frames hold %u bytes and longer packets are cut: restart the port",
	       d->net.name, mtu, d->frame_room);
	return 0;
}
