/* SPDX-License-Identifier: MIT */
/*
 * The terminal in raw mode, and back on every way out.
 *
 * A terminal's settings outlive the process that changed them, and a process has one controlling
 * terminal: this is state of the process, not of an object.  Main thread.
 */
#ifndef GLASSBOX_BASE_TERMINAL_H
#define GLASSBOX_BASE_TERMINAL_H

#include "base/util.h"

/**
 * terminal_enter_raw() - pass every key through, unechoed; newlines of the output stay translated
 * @fd: the terminal; borrowed until terminal_leave_raw()
 *
 * The settings come back at terminal_leave_raw(), at exit(), before a fatal signal ends the process
 * (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, and of SIGHUP, SIGINT, SIGQUIT and SIGTERM
 * those that nobody handles or blocks), and while the process is stopped (SIGTSTP, SIGCONT).  While
 * it is in the background the terminal is left alone.
 *
 * Return: 0, -EBUSY if a terminal is raw already, or -errno of tcgetattr(3) and tcsetattr(3).
 */
int terminal_enter_raw(int fd) __must_check;

/** terminal_leave_raw() - restore the settings and the signal handlers; nothing if not raw */
void terminal_leave_raw(void);

#endif
