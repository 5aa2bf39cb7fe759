/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/size.h"

/* strtoull() takes signs and white space, which no size has. */
static int parse_digits(const char *text, int base, uint64_t *ret_value, const char **ret_end)
{
	char *end;
	unsigned long long value;

	if (!isxdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, base);
	if (end == text)
		return -EINVAL;
	if (errno == ERANGE)
		return -ERANGE;
	*ret_value = value;
	*ret_end = end;
	return 0;
}

int size_parse(const char *text, uint64_t default_unit, uint64_t *ret_bytes)
{
	static const char suffixes[] = "KMGT";
	uint64_t unit = default_unit, value, bytes;
	const char *end;
	int r;

	r = parse_digits(text, 10, &value, &end);
	if (r < 0)
		return r;
	if (*end != '\0') {
		unit = 1;
		for (unsigned i = 0; suffixes[i]; i++) {
			if (toupper((unsigned char)*end) == suffixes[i]) {
				unit = 1ull << (10 * (i + 1));
				end++;
				break;
			}
		}
		if (unit != 1 && strcasecmp(end, "iB") == 0)
			end += 2;
		else if (strcasecmp(end, "B") == 0)
			end += 1;
		if (*end != '\0')
			return -EINVAL;
	}
	if (__builtin_mul_overflow(value, unit, &bytes))
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *end;
	uint64_t value;
	int r;

	r = hex ? parse_digits(text + 2, 16, &value, &end) : parse_digits(text, 10, &value, &end);
	if (r < 0)
		return r;
	if (*end != '\0')
		return -EINVAL;
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}
