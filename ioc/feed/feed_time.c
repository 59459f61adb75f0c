/* SPDX-License-Identifier: BSD-2-Clause */
#include <strings.h>

#include "ioc/feed/feed_inside.h"

/* A cursor over the text of a time; bad stays bad. */
struct scan {
	const char *p, *end;
	bool bad;
};

static bool at(const struct scan *s, const char *set)
{
	for (; s->p < s->end && *set; set++)
		if (*s->p == *set)
			return true;
	return false;
}

/* Exactly @digits digits. */
static unsigned number(struct scan *s, unsigned digits)
{
	unsigned n = 0;

	for (; digits; digits--, s->p++) {
		if (s->p >= s->end || *s->p < '0' || *s->p > '9') {
			s->bad = true;
			return 0;
		}
		n = n * 10 + (unsigned)(*s->p - '0');
	}
	return n;
}

static bool skip(struct scan *s, const char *set)
{
	if (!at(s, set))
		return false;
	s->p++;
	return true;
}

static void want(struct scan *s, const char *set)
{
	if (!skip(s, set))
		s->bad = true;
}

static void blanks(struct scan *s)
{
	while (skip(s, " "))
		;
}

/* Days since 1970-01-01 in the Gregorian calendar. */
static int64_t days(unsigned year, unsigned month, unsigned day)
{
	/* Years that begin in March end with the leap day. */
	int64_t y = (int64_t)year - (month <= 2);
	unsigned m = (month + 9) % 12;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day -
	       1 - 719468;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t length[] = { 31, 28, 31, 30, 31, 30,
					  31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;

	return length[month - 1] + (month == 2 && leap);
}

static void fraction(struct scan *s)
{
	if (!skip(s, "."))
		return;
	do
		number(s, 1);
	while (!s->bad && at(s, "0123456789"));
}

/* Seconds east of Greenwich. */
static int64_t offset(struct scan *s)
{
	int64_t sec;
	bool west;

	blanks(s);
	if (skip(s, "Zz"))
		return 0;
	if (s->end - s->p >= 3 && !strncasecmp(s->p, "UTC", 3)) {
		s->p += 3;
		return 0;
	}
	west = at(s, "-");
	if (!skip(s, "+-"))
		return 0;
	sec = number(s, 2) * 3600;
	skip(s, ":");
	if (at(s, "0123456789"))
		sec += number(s, 2) * 60;
	return west ? -sec : sec;
}

static int64_t clock_time(struct scan *s)
{
	unsigned hour = number(s, 2), minute, second = 0;

	want(s, ":");
	minute = number(s, 2);
	if (skip(s, ":")) {
		second = number(s, 2);
		fraction(s);
	}
	/* 60: a leap second, which Unix time does not have. */
	if (hour > 23 || minute > 59 || second > 60)
		s->bad = true;
	return (int64_t)hour * 3600 + minute * 60 + second - offset(s);
}

static int64_t calendar_time(struct scan *s)
{
	unsigned year = number(s, 4), month, day;
	int64_t sec;

	want(s, "-/");
	month = number(s, 2);
	want(s, "-/");
	day = number(s, 2);
	if (s->bad || month < 1 || month > 12 || day < 1 ||
	    day > month_days(year, month)) {
		s->bad = true;
		return 0;
	}
	sec = days(year, month, day) * 86400;
	if (skip(s, "Tt") || (at(s, " ") && (blanks(s), at(s, "0123456789"))))
		sec += clock_time(s);
	return sec;
}

/* Seconds since 1970, with or without a fraction. */
static int64_t epoch(struct scan *s)
{
	int64_t sec = 0;

	for (unsigned i = 0; i < 11 && at(s, "0123456789"); i++)
		sec = sec * 10 + number(s, 1);
	fraction(s);
	return sec;
}

/* Seconds since 1970; 0 for what is no time. */
static int64_t read_time(const char *text, size_t len, bool *calendar)
{
	struct scan s = { text, text + len, false };
	unsigned digits = 0;
	int64_t sec;

	blanks(&s);
	while (s.p + digits < s.end && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	*calendar = digits == 4 && s.end - s.p > 4 &&
		    (s.p[4] == '-' || s.p[4] == '/');
	if (*calendar)
		sec = calendar_time(&s);
	else
		sec = digits ? epoch(&s) : 0;
	blanks(&s);
	if (!s.bad && s.p == s.end)
		return sec;
	*calendar = false;
	return 0;
}

uint32_t pk_reader_time(const char *text, size_t len)
{
	bool calendar;
	int64_t sec = read_time(text, len, &calendar);

	return sec < 0 || sec > UINT32_MAX ? 0 : (uint32_t)sec;
}

uint32_t pk_reader_until(const char *text, size_t len)
{
	bool calendar;
	int64_t sec = read_time(text, len, &calendar);

	/* 0 would be "for ever". */
	return calendar && sec < 1 ? 1 : pk_reader_time(text, len);
}
