/* SPDX-License-Identifier: MIT */
/* `glassbox ctl`: control a running machine from the shell. */
#ifndef GLASSBOX_VMM_CTL_H
#define GLASSBOX_VMM_CTL_H

/* glassbox-ctl(1) documents the same numbers. */
enum ctl_status {
	CTL_STATUS_OK = 0,
	CTL_STATUS_NO_ANSWER = 1, /* no machine there, or it ended; or the answer cannot be shown */
	CTL_STATUS_USAGE = 2,
	CTL_STATUS_REFUSED = 3, /* the machine was asked and did not do it */
};

/**
 * ctl_main() - the subcommand
 * @argv: [0] is "glassbox ctl"
 *
 * Return: enum ctl_status.
 */
int ctl_main(int argc, char **argv);

#endif
