/* SPDX-License-Identifier: MIT */
/* The doctor alone, for its tests. */
#include "base/log.h"
#include "vmm/doctor.h"

int main(int argc, char **argv)
{
	char name[] = "glassbox doctor";

	log_init(name, LOG_LEVEL_INFO);
	argv[0] = name;
	return doctor_main(argc, argv);
}
