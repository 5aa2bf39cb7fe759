/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of the real-time clock: between nanoseconds since 1970 and the bytes that an
 * MC146818 shows, and when an alarm is due.  Pure functions.
 */
#ifndef GLASSBOX_DEVICES_LEGACY_RTC_TIME_H
#define GLASSBOX_DEVICES_LEGACY_RTC_TIME_H

#include "base/util.h"

#define RTC_NS_PER_S 1000000000ll

/* Bytes of the clock (table 3, "Time, Calendar, and Alarm Data Modes"). */
enum {
	RTC_SECONDS,
	RTC_SECONDS_ALARM,
	RTC_MINUTES,
	RTC_MINUTES_ALARM,
	RTC_HOURS,
	RTC_HOURS_ALARM,
	RTC_DAY_OF_WEEK, /* 1 is Sunday */
	RTC_DAY_OF_MONTH,
	RTC_MONTH,
	RTC_YEAR,
};

/* Bits of register B that say how the bytes are encoded. */
#define RTC_B_24H    0x02
#define RTC_B_BINARY 0x04

/**
 * rtc_time_encode() - write @now_ns to the time and calendar bytes of @cmos
 * @mode: register B
 */
void rtc_time_encode(int64_t now_ns, uint8_t mode, uint8_t *cmos);

/**
 * rtc_time_decode() - the moment that the bytes of @cmos say, to the second
 *
 * Return: 0; -EINVAL for bytes that are no date from 1900 to 2199 (nanoseconds stay within 64 bits)
 */
int rtc_time_decode(const uint8_t *cmos, uint8_t mode, int64_t *ret_ns) __must_check;

/**
 * rtc_time_next_alarm() - the first second after @after_ns at which the alarm bytes match
 *
 * Return: nanoseconds since 1970, or INT64_MAX if the bytes match no time of the day.
 */
int64_t rtc_time_next_alarm(int64_t after_ns, uint8_t mode, const uint8_t *cmos);

/** rtc_floor_div() - @a / @b rounded down, for times before 1970 */
static inline int64_t rtc_floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

#endif
