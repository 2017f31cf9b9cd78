/*
 * Where programs begin. The kernel gives a new process the processor that seems least loaded. Where all are
 * busy with programs that is as likely another one as ours, and there the process waits for its turn, some
 * milliseconds, while ours stands still: we wait for the exec, and a processor that is idle for so short a
 * time looks for no work elsewhere. So a program begins where the one before it ended, or else where the
 * launcher is, and from its first step on it runs wherever the launcher might; exec looks for the best place.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* A program has ended and is not reaped yet: the next may take its place. */
void note_end_of(pid_t pid);

/* What begins from now on does not follow upon an end: somebody else is there by now. */
void forget_end(void);

/* Goes where the next program is to begin, until `roam`. False where nothing was changed. */
bool stay(void);

/* This process, or the new one that calls it and shares its memory, runs wherever it might before. */
void roam(void);
