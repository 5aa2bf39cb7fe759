/* SPDX-License-Identifier: MIT */
/*
 * What `glassbox ctl` prints of the results of commands.  What is not said there is shown as '?',
 * '-', 0 or none: a machine may be of another version.
 */
#ifndef GLASSBOX_VMM_CTL_TEXT_H
#define GLASSBOX_VMM_CTL_TEXT_H

#include <jansson.h>
#include <stdio.h>

typedef void ctl_print_fn(FILE *out, const json_t *result);

/* One for each form of result; of nothing for commands that only succeed. */
ctl_print_fn ctl_print_nothing, ctl_print_status, ctl_print_state, ctl_print_devices,
	ctl_print_virtio, ctl_print_balloon, ctl_print_stats;

#endif
