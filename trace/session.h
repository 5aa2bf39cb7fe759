/* SPDX-License-Identifier: MIT */
/*
 * A recording session of our own, for `--trace DIR`: everything this process traces goes to DIR,
 * in CTF, and nothing of it is left behind afterwards but DIR.
 *
 * The LTTng side lives in a helper process, glassbox-trace-session, which starts a session daemon
 * if the user has none.  So this process links no LTTng library, no call of ours waits for LTTng
 * without a bound, a sandbox needs only poll, recvmsg and shutdown, and when this process crashes
 * the helper still closes the trace properly and ends the daemon it started.
 *
 *	r = trace_session_start(dir, 0, &session, &error);
 *	r = trace_load(TRACE_LOAD_RECORDING, &error);
 *	...the machine runs...
 *	r = trace_session_stop(session, &lost, &error);
 */
#ifndef GLASSBOX_TRACE_SESSION_H
#define GLASSBOX_TRACE_SESSION_H

#include "base/error.h"
#include "base/util.h"

struct trace_session;

/* What a trace lacks.  All zero: it is complete. */
struct trace_lost {
	uint64_t events;  /* dropped at the source because the buffers were full */
	uint64_t packets; /* whole sub-buffers that were overwritten or could not be read */
	bool disk_full;   /* the file system of the trace has no room: the end of it is missing */
	bool unfinished;  /* the last buffers were not on disk in time, or not seen to be */
};

/**
 * trace_session_start() - start recording every event of this process to @dir
 * @dir: created (its parent must exist), or an empty directory.  Borrowed for the call.
 * @buffer_size: bytes of ring buffer for each CPU of the host, rounded up to a power of two; 0
 * chooses 32 MiB, less where that would take more than a quarter of the memory or half of
 * /dev/shm, or 256 MiB together
 *
 * Events are recorded once trace_load(TRACE_LOAD_RECORDING) has returned.  Main thread.  Takes
 * some 0.1 s, 0.5 s if the daemon must be started, 60 s at the very most.
 *
 * Return: 0; or -errno with a sentence, and @dir as it was.  -ENOTSUP: built without LTTng.
 * -EEXIST: @dir is not a directory.  -ENOTEMPTY: files are in it.  -ENOSPC: no room for a trace.
 * -ENOENT: lttng-sessiond, the helper or the parent of @dir is missing.
 */
int trace_session_start(const char *dir, uint64_t buffer_size, struct trace_session **ret_session,
			struct error *error) __must_check;

/**
 * trace_session_stop() - stop recording, wait until @dir is complete, end what was started
 * @session: freed in any case; NULL is fine (nothing lost)
 * @ret_lost: written in any case; after a failure `unfinished` is set
 *
 * The thread that started the session.  Takes some 0.7 s, LTTng's own pauses, and as long as the
 * buffered events need to reach the disk; 80 s at the very most, if LTTng hangs.
 *
 * Return: 0, or -errno with a sentence when the end of the trace may be missing, e.g. -EPIPE when
 * the session daemon has died.  What was written before stays readable.
 */
int trace_session_stop(struct trace_session *session, struct trace_lost *ret_lost,
		       struct error *error);

#endif
