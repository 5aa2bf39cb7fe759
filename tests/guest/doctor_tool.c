/* SPDX-License-Identifier: MIT */
/* The doctor alone, for its tests. */
#include "base/log.h"
#include "vmm/doctor.h"

int main(int argc, char **argv)
{
	log_init("doctor_tool", LOG_LEVEL_INFO);
	return doctor_main(argc, argv);
}
