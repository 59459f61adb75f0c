/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picket-relay beside Debian's rabbitmq-server, which runs in a folder, with a
 * name and ports of its own on loopback: every threat comes to the durable
 * queue as net-security's message, also when relay and broker die in between.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "tests/bus_rig.h"

#define SERVER "/usr/lib/rabbitmq/bin/rabbitmq-server"

enum { EACH = 500, STARTS_S = 90, RECEIVE_S = 20, MOST = 8 * EACH };

static char program[512], dir[64];
static int port;
static pid_t broker;

/* ---- the broker ---- */

static void set(const char *name, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	setenv(name, text, 1);
}

static void set_environment(void)
{
	set("HOME", "%s", dir);
	set("RABBITMQ_NODENAME", "picket-%d@localhost", getpid());
	set("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1");
	set("RABBITMQ_NODE_PORT", "%d", port);
	set("RABBITMQ_DIST_PORT", "%d", port + 1);
	set("ERL_EPMD_PORT", "%d", port + 2);
	set("ERL_EPMD_ADDRESS", "127.0.0.1");
	set("RABBITMQ_MNESIA_BASE", "%s/mnesia", dir);
	set("RABBITMQ_LOG_BASE", "%s/log", dir);
	set("RABBITMQ_ENABLED_PLUGINS_FILE", "%s/plugins", dir);
	set("RABBITMQ_CONF_ENV_FILE", "%s/none", dir);
	set("RABBITMQ_CONFIG_FILE", "%s/none", dir);
	set("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
	    "-kernel inet_dist_use_interface {127,0,0,1}");
}

/* A process group of its own, so that all of it can be ended. */
static pid_t start(const char *const *argv, const char *log)
{
	pid_t pid = fork();
	int fd;

	assert_true(pid >= 0);
	if (pid)
		return pid;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	close(0);
	open("/dev/null", O_RDONLY);
	execv(argv[0], (char **)argv);
	_exit(127);
}

static amqp_connection_state_t connect_to_broker(void)
{
	struct timeval patience = { .tv_sec = 2 };
	amqp_connection_state_t c = amqp_new_connection();
	amqp_socket_t *s = amqp_tcp_socket_new(c);

	if (!amqp_socket_open_noblock(s, "127.0.0.1", port, &patience) &&
	    amqp_login(c, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest",
		       "guest")
			    .reply_type == AMQP_RESPONSE_NORMAL) {
		amqp_channel_open(c, 1);
		return c;
	}
	amqp_destroy_connection(c);
	return NULL;
}

/* 0 when it is up. */
static int start_broker(void)
{
	static const char *const argv[] = { SERVER, NULL };
	const struct timespec pause = { .tv_nsec = 200000000 };
	amqp_connection_state_t c = NULL;
	time_t end = time(NULL) + STARTS_S;
	char log[96];

	snprintf(log, sizeof(log), "%s/server", dir);
	broker = start(argv, log);
	while (!c && time(NULL) < end) {
		nanosleep(&pause, NULL);
		c = connect_to_broker();
		if (!c && waitpid(broker, NULL, WNOHANG) == broker)
			return -1;
	}
	if (!c)
		return -1;
	amqp_destroy_connection(c);
	return 0;
}

static void kill_broker(void)
{
	kill(-broker, SIGKILL);
	waitpid(broker, NULL, 0);
}

/* ---- what is received ---- */

static uint8_t seen[MOST + 1];

static void check_message(const char *text, size_t len)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o = json_tokener_parse_ex(t, text, (int)len);
	struct json_object *details, *seq, *v;
	int64_t n;

	assert_true(json_object_is_type(o, json_type_object));
	assert_int_equal(json_object_object_length(o), 4);
	assert_true(json_object_object_get_ex(o, "observer", &v));
	assert_string_equal(json_object_get_string(v), "192.0.2.10");
	assert_true(json_object_object_get_ex(o, "offender", &v));
	assert_string_equal(json_object_get_string(v), "198.51.100.7");
	assert_true(json_object_object_get_ex(o, "type", &v));
	assert_string_equal(json_object_get_string(v), "spam");
	assert_true(json_object_object_get_ex(o, "details", &details));
	assert_true(json_object_object_get_ex(details, "seq", &seq));
	n = json_object_get_int64(seq);
	assert_in_range(n, 1, MOST);
	assert_int_equal(n % 2, 1); /* the others are updates */
	seen[n] = 1;
	json_object_put(o);
	json_tokener_free(t);
}

static int is_complete(uint64_t to)
{
	for (uint64_t n = 1; n <= to; n += 2)
		if (!seen[n])
			return 0;
	return 1;
}

/* Take messages until all to @to were seen. */
static void receive_all(uint64_t to)
{
	amqp_connection_state_t c = connect_to_broker();
	struct timeval patience = { .tv_sec = RECEIVE_S };
	amqp_envelope_t e;

	assert_non_null(c);
	/* as the relay does: another queue of that name would be an error */
	amqp_queue_declare(c, 1, amqp_cstring_bytes("security-threat"), 0, 1, 0,
			   0, amqp_empty_table);
	assert_int_equal(amqp_get_rpc_reply(c).reply_type,
			 AMQP_RESPONSE_NORMAL);
	amqp_basic_consume(c, 1, amqp_cstring_bytes("security-threat"),
			   amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
	assert_int_equal(amqp_get_rpc_reply(c).reply_type,
			 AMQP_RESPONSE_NORMAL);
	while (!is_complete(to)) {
		assert_int_equal(
			amqp_consume_message(c, &e, &patience, 0).reply_type,
			AMQP_RESPONSE_NORMAL);
		check_message(e.message.body.bytes, e.message.body.len);
		amqp_basic_ack(c, 1, e.delivery_tag, 0);
		amqp_destroy_envelope(&e);
	}
	amqp_destroy_connection(c);
}

/* ---- the sensor and the relay ---- */

static void put_threats(struct bus_rig *r, uint64_t count)
{
	char text[256];

	while (count--) {
		uint64_t n = pk_journal_last(r->journal) + 1;
		struct pk_journal_message m = {
			.time_ns = n,
			.subject = "spam",
			.subject_len = 4,
			.text = text,
		};

		m.text_len = (uint32_t)snprintf(
			text, sizeof(text),
			"{\"type\":\"spam\",\"observer\":\"192.0.2.10\","
			"\"offender\":\"198.51.100.7\",\"seq\":%llu,"
			"\"state\":\"%s\"}",
			(unsigned long long)n, n % 2 ? "open" : "update");
		assert_int_equal(pk_journal_append(r->journal, &m), 0);
	}
	rig_commit(r);
}

static pid_t start_relay(struct bus_rig *r)
{
	char uri[128], state[96], log[96];
	const char *const argv[] = { program,	"--amqp",    uri,
				     "--state", state,	     "--since",
				     "0",	r->endpoint, NULL };

	snprintf(uri, sizeof(uri), "amqp://guest:guest@127.0.0.1:%d", port);
	snprintf(state, sizeof(state), "%s/state", dir);
	snprintf(log, sizeof(log), "%s/relay", dir);
	return start(argv, log);
}

static void end(pid_t pid, int signal)
{
	kill(pid, signal);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- the test ---- */

static void live_through(void **state)
{
	struct bus_rig r;
	pid_t relay;

	(void)state;
	rig_begin(&r);
	rig_start(&r);
	put_threats(&r, EACH);
	relay = start_relay(&r);
	receive_all(EACH);
	put_threats(&r, EACH);
	end(relay, SIGKILL); /* whatever it was at */
	put_threats(&r, EACH);
	relay = start_relay(&r);
	receive_all(3 * EACH);
	put_threats(&r, EACH);
	kill_broker();
	put_threats(&r, EACH);
	assert_int_equal(start_broker(), 0);
	put_threats(&r, EACH);
	receive_all(6 * EACH);
	end(relay, SIGTERM);
	rig_stop(&r);
	rig_end(&r);
}

static int begin(void **state)
{
	const char *build = getenv("BUILD");

	(void)state;
	snprintf(program, sizeof(program), "%s/picket-relay",
		 build ? build : "build");
	if (access(SERVER, X_OK) || access(program, X_OK)) {
		print_message("SKIPPED: no %s or no %s\n", SERVER, program);
		return 0;
	}
	port = rig_ports();
	strcpy(dir, "/tmp/picket-broker-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	set_environment();
	return start_broker();
}

static int finish(void **state)
{
	char command[256];

	(void)state;
	if (!*dir)
		return 0;
	kill_broker();
	/* it does not end before it has seen that the broker did */
	snprintf(command, sizeof(command),
		 "for i in $(seq 100); do epmd -kill >%s/epmd 2>&1 && break; "
		 "sleep 0.1; done; rm -rf %s",
		 dir, dir);
	return system(command);
}

static void every_threat_comes_to_the_queue_whoever_dies(void **state)
{
	if (!*dir)
		skip();
	live_through(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_threat_comes_to_the_queue_whoever_dies),
	};

	return cmocka_run_group_tests_name("relay", tests, begin, finish);
}
