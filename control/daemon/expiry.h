/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expiry: the clock by which indicators end.
 *
 * Ends are Unix seconds, so they outlive restarts; but the wall clock steps,
 * and one step to the wrong year would let every indicator end at once. This
 * clock runs with the boot clock (CLOCK_BOOTTIME) and remembers where the wall
 * clock was when it was to be trusted. It never goes back.
 *
 * While it runs:
 *
 *	drift        of up to 1 s a minute between the two clocks is followed
 *	a step       of the wall clock, either way, changes nothing; the clock
 *	             is STEPPED while they differ by over PK_EXPIRY_FAR_SEC.
 *	             While the kernel calls its clock synchronised and they
 *	             differ by no more than a day, it closes up by 1 s a minute
 *
 * When it starts:
 *
 *	same boot    as the saved time: it goes on from there
 *	another      the wall clock is believed when it is ahead of the saved
 *	             time by a day at most
 *	further      ahead: HELD. The clock goes on from the saved time, so
 *	             nothing ends in masses, until somebody confirms, or the
 *	             kernel has called its clock synchronised for
 *	             PK_EXPIRY_SYNC_SEC on end
 *	behind       the saved time (no battery): BEHIND. From the saved time;
 *	             the wall clock is believed as soon as it is ahead, by a
 *	             day at most, else HELD
 *	never saved  the wall clock is believed, but not before 2025: UNSET.
 *	             The clock stands at 0, and nothing ends
 *
 * A step of more than a day while it runs is only ever followed when confirmed.
 * Times are arguments, in nanoseconds; no allocation; one thread.
 */
#ifndef PK_CONTROL_EXPIRY_H
#define PK_CONTROL_EXPIRY_H

#include <stdint.h>

enum {
	PK_EXPIRY_DAY_SEC = 86400,
	PK_EXPIRY_FAR_SEC = 60,
	PK_EXPIRY_SYNC_SEC = 600,
	PK_EXPIRY_FIRST = 1735689600, /* 2025-01-01: no clock is before it */
	PK_EXPIRY_BOOT_ID = 16,
};

#define PK_EXPIRY_STATES(_)                                      \
	_(RUNNING, "running")                                    \
	_(STEPPED, "the wall clock has stepped; not followed")   \
	_(HELD, "the wall clock is more than a day ahead; held") \
	_(BEHIND, "the wall clock is behind the saved time")     \
	_(UNSET, "the wall clock is not set")

#define PK_EXPIRY_ENUM(name, text) PK_EXPIRY_##name,
enum pk_expiry_state { PK_EXPIRY_STATES(PK_EXPIRY_ENUM) };
#undef PK_EXPIRY_ENUM

/* Read at one moment. */
struct pk_expiry_times {
	int64_t wall_ns; /* CLOCK_REALTIME */
	int64_t boot_ns; /* CLOCK_BOOTTIME */
	int synced;	 /* the kernel calls its clock synchronised */
};

/* What has to be kept over a restart. All zero: nothing was. */
struct pk_expiry_saved {
	int64_t clock_ns; /* this clock */
	int64_t boot_ns;
	uint8_t boot_id[PK_EXPIRY_BOOT_ID];
	uint8_t held; /* 1: it was HELD */
};

struct pk_expiry {
	int64_t offset_ns; /* this clock is boot + offset */
	int64_t apart_ns;  /* wall - boot at the last tick */
	int64_t last_ns;   /* boot at the last tick */
	int64_t clock_ns;  /* never goes back */
	int64_t synced_ns; /* boot when it became synchronised; -1: it is not */
	enum pk_expiry_state state;
	uint8_t boot_id[PK_EXPIRY_BOOT_ID];
};

/* Begin. @saved may be NULL. */
void pk_expiry_start(struct pk_expiry *e, const struct pk_expiry_times *now,
		     const uint8_t boot_id[PK_EXPIRY_BOOT_ID],
		     const struct pk_expiry_saved *saved);

/*
 * What time it is, in Unix seconds: for pk_store_expire(). Call it at least
 * once a minute.
 */
uint32_t pk_expiry_tick(struct pk_expiry *e, const struct pk_expiry_times *now);

/* The wall clock is right: take it now, be it a year ahead or behind (then the
 * clock stands until it is reached). */
void pk_expiry_confirm(struct pk_expiry *e, const struct pk_expiry_times *now);

/* The clock as of the last tick, to be kept; every minute will do. */
void pk_expiry_save(const struct pk_expiry *e, struct pk_expiry_saved *out);

uint32_t pk_expiry_now(const struct pk_expiry *e); /* as of the last tick */
/* How far the wall clock is ahead of this one, as of the last tick. */
int64_t pk_expiry_ahead_sec(const struct pk_expiry *e);
const char *pk_expiry_state_text(enum pk_expiry_state state);

/* The clocks of this system. 0 or -errno. */
int pk_expiry_read_times(struct pk_expiry_times *out);
int pk_expiry_read_boot_id(uint8_t boot_id[PK_EXPIRY_BOOT_ID]);

#endif /* PK_CONTROL_EXPIRY_H */
