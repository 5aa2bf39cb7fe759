/* SPDX-License-Identifier: MIT */
/* `glassbox doctor`: can this host run, debug and trace guests, and what mends it if not? */
#ifndef GLASSBOX_VMM_DOCTOR_H
#define GLASSBOX_VMM_DOCTOR_H

/*
 * The exit status is 0 if all is well, else the sum of what this host cannot do; a failure of the
 * doctor's own is one of the first two.  glassbox-doctor(1) documents the same numbers.
 */
enum doctor_status {
	DOCTOR_STATUS_OK = 0,
	DOCTOR_STATUS_FAILURE = 1, /* no memory, output cannot be written */
	DOCTOR_STATUS_USAGE = 2,
	DOCTOR_STATUS_NO_RUN = 0x10,   /* Linux guests don't run here */
	DOCTOR_STATUS_NO_DEBUG = 0x20, /* guests cannot be debugged */
	DOCTOR_STATUS_NO_TRACE = 0x40, /* guests cannot be traced */
};

/**
 * doctor_main() - the subcommand
 * @argv: [0] is "glassbox doctor"
 *
 * Runs guests of a few instructions for at most some seconds, and prints to standard output.
 * Single-threaded; takes SIGALRM.  Return: enum doctor_status.
 */
int doctor_main(int argc, char **argv);

#endif
