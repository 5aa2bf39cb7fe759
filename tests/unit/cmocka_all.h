/* SPDX-License-Identifier: MIT */
/* cmocka wants these four headers before its own, in this order. */
#ifndef GLASSBOX_TESTS_UNIT_CMOCKA_ALL_H
#define GLASSBOX_TESTS_UNIT_CMOCKA_ALL_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
