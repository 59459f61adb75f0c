/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/expiry.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define SEC_NS 1000000000LL
#define DAY_NS (PK_EXPIRY_DAY_SEC * SEC_NS)

enum { DRIFT = 60 }; /* the clock may follow by 1 / DRIFT of the time */

static int64_t clamp(int64_t value, int64_t most)
{
	return value > most ? most : value < -most ? -most : value;
}

/* The wall clock minus this one, were it to go on as it does. */
static int64_t ahead_ns(const struct pk_expiry *e)
{
	return e->apart_ns - e->offset_ns;
}

static void show(struct pk_expiry *e)
{
	int64_t clock = e->last_ns + e->offset_ns;

	if (e->state == PK_EXPIRY_UNSET)
		return;
	if (clock > e->clock_ns)
		e->clock_ns = clock;
}

static bool is_far(int64_t ns)
{
	return ns > PK_EXPIRY_FAR_SEC * SEC_NS ||
	       ns < -PK_EXPIRY_FAR_SEC * SEC_NS;
}

static void believe(struct pk_expiry *e)
{
	e->offset_ns = e->apart_ns;
	e->state = PK_EXPIRY_RUNNING;
}

static void start_unsaved(struct pk_expiry *e, int64_t wall_ns)
{
	e->offset_ns = e->apart_ns;
	e->state = wall_ns < PK_EXPIRY_FIRST * SEC_NS ? PK_EXPIRY_UNSET
						      : PK_EXPIRY_RUNNING;
}

static void start_saved(struct pk_expiry *e,
			const struct pk_expiry_saved *saved)
{
	bool same = !memcmp(e->boot_id, saved->boot_id, sizeof(e->boot_id)) &&
		    e->last_ns >= saved->boot_ns;
	int64_t ahead;

	e->offset_ns = saved->clock_ns - (same ? saved->boot_ns : e->last_ns);
	ahead = ahead_ns(e);
	if (ahead > DAY_NS && (!same || saved->held))
		e->state = PK_EXPIRY_HELD;
	else if (same)
		e->state =
			is_far(ahead) ? PK_EXPIRY_STEPPED : PK_EXPIRY_RUNNING;
	else if (ahead < 0)
		e->state = PK_EXPIRY_BEHIND;
	else
		believe(e);
}

void pk_expiry_start(struct pk_expiry *e, const struct pk_expiry_times *now,
		     const uint8_t boot_id[PK_EXPIRY_BOOT_ID],
		     const struct pk_expiry_saved *saved)
{
	memset(e, 0, sizeof(*e));
	memcpy(e->boot_id, boot_id, sizeof(e->boot_id));
	e->apart_ns = now->wall_ns - now->boot_ns;
	e->last_ns = now->boot_ns;
	e->synced_ns = now->synced ? now->boot_ns : -1;
	if (saved && saved->clock_ns >= PK_EXPIRY_FIRST * SEC_NS)
		start_saved(e, saved);
	else
		start_unsaved(e, now->wall_ns);
	show(e);
}

static bool synced_for_long(const struct pk_expiry *e)
{
	return e->synced_ns >= 0 &&
	       e->last_ns - e->synced_ns >= PK_EXPIRY_SYNC_SEC * SEC_NS;
}

/* @drift: how the clocks moved against each other since the last tick. */
static void follow(struct pk_expiry *e, int64_t drift, int64_t most)
{
	if (drift == clamp(drift, most)) {
		e->offset_ns += drift;
		most -= drift < 0 ? -drift : drift;
	}
	if (e->synced_ns >= 0 && ahead_ns(e) == clamp(ahead_ns(e), DAY_NS))
		e->offset_ns += clamp(ahead_ns(e), most);
	e->state = is_far(ahead_ns(e)) ? PK_EXPIRY_STEPPED : PK_EXPIRY_RUNNING;
}

static void wait_for_wall(struct pk_expiry *e, int64_t wall_ns)
{
	int64_t ahead = ahead_ns(e);

	switch (e->state) {
	case PK_EXPIRY_UNSET:
		if (wall_ns >= PK_EXPIRY_FIRST * SEC_NS)
			believe(e);
		break;
	case PK_EXPIRY_BEHIND:
		if (ahead > DAY_NS)
			e->state = PK_EXPIRY_HELD;
		else if (ahead >= 0)
			believe(e);
		break;
	default: /* held */
		if (ahead < 0)
			e->state = PK_EXPIRY_BEHIND;
		else if (ahead <= DAY_NS || synced_for_long(e))
			believe(e);
		break;
	}
}

uint32_t pk_expiry_tick(struct pk_expiry *e, const struct pk_expiry_times *now)
{
	int64_t apart = now->wall_ns - now->boot_ns;
	int64_t drift = apart - e->apart_ns;
	int64_t passed = now->boot_ns - e->last_ns;

	if (passed < 0)
		return pk_expiry_now(e);
	e->apart_ns = apart;
	e->last_ns = now->boot_ns;
	if (!now->synced)
		e->synced_ns = -1;
	else if (e->synced_ns < 0)
		e->synced_ns = now->boot_ns;
	if (e->state == PK_EXPIRY_RUNNING || e->state == PK_EXPIRY_STEPPED)
		follow(e, drift, passed / DRIFT);
	else
		wait_for_wall(e, now->wall_ns);
	show(e);
	return pk_expiry_now(e);
}

void pk_expiry_confirm(struct pk_expiry *e, const struct pk_expiry_times *now)
{
	pk_expiry_tick(e, now);
	believe(e);
	show(e);
}

void pk_expiry_save(const struct pk_expiry *e, struct pk_expiry_saved *out)
{
	memset(out, 0, sizeof(*out));
	out->clock_ns = e->clock_ns;
	out->boot_ns = e->last_ns;
	out->held = e->state == PK_EXPIRY_HELD;
	memcpy(out->boot_id, e->boot_id, sizeof(out->boot_id));
}

uint32_t pk_expiry_now(const struct pk_expiry *e)
{
	int64_t sec = e->clock_ns / SEC_NS;

	return sec < 0 ? 0 : sec > UINT32_MAX ? UINT32_MAX : (uint32_t)sec;
}

int64_t pk_expiry_ahead_sec(const struct pk_expiry *e)
{
	return (e->last_ns + e->apart_ns - e->clock_ns) / SEC_NS;
}

#define TEXT(name, text) text,
static const char *const texts[] = { PK_EXPIRY_STATES(TEXT) };
#undef TEXT

const char *pk_expiry_state_text(enum pk_expiry_state state)
{
	return (unsigned)state < sizeof(texts) / sizeof(texts[0]) ? texts[state]
								  : "?";
}

/* --- this system ----------------------------------------------------------- */

static int read_clock(clockid_t clock, int64_t *ns)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		return -errno;
	*ns = t.tv_sec * SEC_NS + t.tv_nsec;
	return 0;
}

int pk_expiry_read_times(struct pk_expiry_times *out)
{
	struct timex timex = { .modes = 0 };
	int err = read_clock(CLOCK_REALTIME, &out->wall_ns);

	if (!err)
		err = read_clock(CLOCK_BOOTTIME, &out->boot_ns);
	/* Where it is forbidden (a sandbox) the clock is not synchronised. */
	out->synced = adjtimex(&timex) >= 0 && !(timex.status & STA_UNSYNC);
	return err;
}

/* A UUID as text; its 32 digits are the number. */
int pk_expiry_read_boot_id(uint8_t boot_id[PK_EXPIRY_BOOT_ID])
{
	char text[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len;
	unsigned n = 0;

	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text));
	close(fd);
	memset(boot_id, 0, PK_EXPIRY_BOOT_ID);
	for (ssize_t i = 0; i < len && n < 2 * PK_EXPIRY_BOOT_ID; i++) {
		int c = (unsigned char)text[i];

		if (!isxdigit(c))
			continue;
		c = isdigit(c) ? c - '0' : (c | 32) - 'a' + 10;
		boot_id[n / 2] |= (uint8_t)(c << (n % 2 ? 0 : 4));
		n++;
	}
	return n == 2 * PK_EXPIRY_BOOT_ID ? 0 : -EBADMSG;
}
