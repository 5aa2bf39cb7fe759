/* SPDX-License-Identifier: MIT */
/* The command `glassbox run`. */
#ifndef GLASSBOX_VMM_RUN_H
#define GLASSBOX_VMM_RUN_H

/** run_main() - `glassbox run`.  Return: the program's exit status (status.h) */
int run_main(int argc, char **argv);

#endif
