/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

#include "devices/legacy/rtc.h"
#include "devices/legacy/rtc_time.h"

#define HOUR_PM         0x80 /* in 12-hour mode */
#define ALARM_ANY       0xc0 /* both bits set: matches every value */
#define SECONDS_PER_DAY 86400

static uint8_t encode(int value, uint8_t mode)
{
	return (uint8_t)(mode & RTC_B_BINARY ? value : value / 10 << 4 | value % 10);
}

/* Returns -1 for a byte that is no number in [@min, @max]. */
static int decode(uint8_t byte, uint8_t mode, int min, int max)
{
	int value = byte;

	if (!(mode & RTC_B_BINARY)) {
		if ((byte & 0x0f) > 9 || byte >> 4 > 9)
			return -1;
		value = (byte >> 4) * 10 + (byte & 0x0f);
	}
	return value >= min && value <= max ? value : -1;
}

static uint8_t encode_hour(int hour, uint8_t mode)
{
	if (mode & RTC_B_24H)
		return encode(hour, mode);
	return encode(hour % 12 ? hour % 12 : 12, mode) | (hour >= 12 ? HOUR_PM : 0);
}

static int decode_hour(uint8_t byte, uint8_t mode)
{
	int hour;

	if (mode & RTC_B_24H)
		return decode(byte, mode, 0, 23);
	hour = decode(byte & (uint8_t)~HOUR_PM, mode, 1, 12);
	if (hour < 0)
		return hour;
	return hour % 12 + (byte & HOUR_PM ? 12 : 0);
}

void rtc_time_encode(int64_t now_ns, uint8_t mode, uint8_t *cmos)
{
	time_t seconds = rtc_floor_div(now_ns, RTC_NS_PER_S);
	struct tm tm = { 0 };

	(void)gmtime_r(&seconds, &tm);
	cmos[RTC_SECONDS] = encode(tm.tm_sec, mode);
	cmos[RTC_MINUTES] = encode(tm.tm_min, mode);
	cmos[RTC_HOURS] = encode_hour(tm.tm_hour, mode);
	cmos[RTC_DAY_OF_WEEK] = encode(tm.tm_wday + 1, mode);
	cmos[RTC_DAY_OF_MONTH] = encode(tm.tm_mday, mode);
	cmos[RTC_MONTH] = encode(tm.tm_mon + 1, mode);
	cmos[RTC_YEAR] = encode(tm.tm_year % 100, mode);
	/* The century is the firmware's own byte and BCD in every mode. */
	cmos[RTC_CENTURY] = encode(tm.tm_year / 100 + 19, 0);
}

int rtc_time_decode(const uint8_t *cmos, uint8_t mode, int64_t *ret_ns)
{
	int century = decode(cmos[RTC_CENTURY], 0, 19, 21);
	int year = decode(cmos[RTC_YEAR], mode, 0, 99);
	struct tm tm = {
		.tm_sec = decode(cmos[RTC_SECONDS], mode, 0, 59),
		.tm_min = decode(cmos[RTC_MINUTES], mode, 0, 59),
		.tm_hour = decode_hour(cmos[RTC_HOURS], mode),
		.tm_mday = decode(cmos[RTC_DAY_OF_MONTH], mode, 1, 31),
		.tm_mon = decode(cmos[RTC_MONTH], mode, 1, 12) - 1,
		.tm_year = (century - 19) * 100 + year,
	};

	if (century < 0 || year < 0 || tm.tm_sec < 0 || tm.tm_min < 0 || tm.tm_hour < 0 ||
	    tm.tm_mday < 0 || tm.tm_mon < 0)
		return -EINVAL;
	*ret_ns = (int64_t)timegm(&tm) * RTC_NS_PER_S;
	return 0;
}

static bool alarm_matches(uint8_t alarm, uint8_t byte)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == byte;
}

/*
 * Compares encoded bytes, as the chip does, and skips whole hours and minutes that don't match: at
 * most 24 + 60 + 60 steps or so for each of two days.
 */
int64_t rtc_time_next_alarm(int64_t after_ns, uint8_t mode, const uint8_t *cmos)
{
	int64_t first = rtc_floor_div(after_ns, RTC_NS_PER_S) + 1;
	int64_t midnight = rtc_floor_div(first, SECONDS_PER_DAY) * SECONDS_PER_DAY;
	int64_t offset = first - midnight;

	while (offset < 2 * SECONDS_PER_DAY) {
		int second_of_day = (int)(offset % SECONDS_PER_DAY);
		int hour = second_of_day / 3600, minute = second_of_day / 60 % 60;

		if (!alarm_matches(cmos[RTC_HOURS_ALARM], encode_hour(hour, mode)))
			offset += 3600 - second_of_day % 3600;
		else if (!alarm_matches(cmos[RTC_MINUTES_ALARM], encode(minute, mode)))
			offset += 60 - second_of_day % 60;
		else if (!alarm_matches(cmos[RTC_SECONDS_ALARM], encode(second_of_day % 60, mode)))
			offset++;
		else
			return (midnight + offset) * RTC_NS_PER_S;
	}
	return INT64_MAX;
}
