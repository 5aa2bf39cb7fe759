/* SPDX-License-Identifier: MIT */
/*
 * Exit statuses of `glassbox run`; glassbox(1) documents the same numbers.  With --debug-exit a
 * guest may choose any odd one.
 */
#ifndef GLASSBOX_VMM_STATUS_H
#define GLASSBOX_VMM_STATUS_H

enum glassbox_status {
	GLASSBOX_STATUS_OK = 0,          /* power-off, reboot, or quit by the user */
	GLASSBOX_STATUS_FAILURE = 1,     /* of the host, or of a file: lacking, bad, refused */
	GLASSBOX_STATUS_USAGE = 2,       /* a wrong command line */
	GLASSBOX_STATUS_GUEST_PANIC = 3, /* the guest's kernel panicked, and reset or said so */
	GLASSBOX_STATUS_TRIPLE_FAULT = 4,
	GLASSBOX_STATUS_KVM_ERROR = 5,   /* KVM could not run the guest on */
	GLASSBOX_STATUS_SIGNALLED = 128, /* plus the number of the signal that ended Glassbox */
};

#endif
