/* SPDX-License-Identifier: MIT */
/*
 * The whole machine, wired in one function and torn down in reverse: VM, vCPUs, devices, kernel.
 *
 * A reset builds a new board; what outlives it (console, debugger, trace, loop) is passed in.  Main
 * thread.
 */
#ifndef GLASSBOX_VMM_BOARD_H
#define GLASSBOX_VMM_BOARD_H

#include "vmm/boot/boot.h"
#include "vmm/consoles.h"
#include "vmm/guest_end.h"
#include "vmm/irq.h"
#include "vmm/options.h"
#include "vmm/pci_host.h"
#include "vmm/virtio/machine.h"
#include "vmm/vm.h"

struct board_config {
	const struct run_options *options; /* borrowed for ever */
	struct loop *loop;
	struct vm_events events;
	struct consoles *consoles; /* the serial port and the virtio console are plugged in there */
};

struct board {
	struct vm *vm;
	struct boot_state boot;
	struct machine_pci *pci;
	struct machine_virtio *virtio;
	struct guest_end *end;
	struct irq serial_irq, rtc_irq, sci_irq;
	struct host_timer *rtc_timer;
	struct device *serial, *rtc, *i8042, *pm;
};

/**
 * board_create() - a machine that vm_start() and vm_resume() can run
 *
 * The owner unplugs the consoles before the board is released or destroyed, and if this fails.
 * Return: 0, or -errno with @error set.
 */
int board_create(const struct board_config *config, struct board **ret_board, struct error *error)
	__must_check;

/**
 * board_release() - give back what a second machine needs: disks and interfaces, and memory
 *
 * The vCPUs are parked; they never run again.
 */
void board_release(struct board *board);

/** board_destroy() - end the VM and free everything; NULL is fine */
void board_destroy(struct board *board);

#endif
