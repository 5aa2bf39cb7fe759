/* SPDX-License-Identifier: MIT */
/*
 * Attaching the LTTng-UST provider, a shared object of its own (libglassbox-trace.so), so that a
 * program without a trace needs no LTTng library and starts no LTTng thread.
 */
#ifndef GLASSBOX_TRACE_LOADER_H
#define GLASSBOX_TRACE_LOADER_H

#include "base/error.h"
#include "base/util.h"

enum trace_load_mode {
	TRACE_LOAD_PRELOADED, /* only if LD_PRELOAD brought it: without a request for a trace */
	TRACE_LOAD_PROVIDER,  /* load it: the user records with a session of their own */
	TRACE_LOAD_RECORDING, /* load it, and insist that a session records: after
			       * trace_session_start() */
};

/**
 * trace_load() - attach the provider; its events are recorded from the return of this call on
 *
 * A provider already in the process (LD_PRELOAD) is used, else the one of this build is loaded
 * from ../lib/glassbox or ../lib beside the program, then from the installed library directory.
 * It stays until the end of the process.  If a session daemon runs, the call waits until this
 * process is registered there (LTTNG_UST_REGISTER_TIMEOUT, 40 s unless the user set it).
 *
 * Main thread, before any other thread starts and before a sandbox closes the file system, sockets
 * and threads: LTTng adds two threads, with all signals blocked.
 *
 * Return: 0, with TRACE_LOAD_PRELOADED also when there is no provider.  -ENOTSUP: built without
 * LTTng.  -ENOENT: the library is missing.  -ELIBACC: it or a library it needs does not load.
 * -EPROTO: it belongs to another build.  -ETIMEDOUT: no session records it.
 */
int trace_load(enum trace_load_mode mode, struct error *error) __must_check;

#endif
