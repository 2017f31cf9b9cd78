/* Finding and signalling everything that descends from this process, whatever it did to hide. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * Sends `signal` once to every process group that holds a descendant of this process. A group is
 * signalled as a whole because the kernel does that atomically against fork: no member can slip
 * a child past it. Groups of descendants hold nothing but descendants, since the program begins
 * in a session of its own.
 *
 * `main_group` is a group known to be ours (0: none); it is signalled even without /proc, unless it
 * is to be spared.
 */
void signal_descendants(pid_t main_group, bool spare, int signal);
