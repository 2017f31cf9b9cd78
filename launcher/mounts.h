/*
 * The machine's mounts without those that walls cover anyway. bubblewrap reads the list of all mounts again
 * for each of the twelve that it makes, and changes the flags of all that it hands on, so mounts that nobody
 * will see are half of its work.
 */
#pragma once

#include <stdint.h>

/*
 * Descriptor of a mount namespace that is the launcher's without what lies at the places (walls.h, `m`);
 * -1: none, where no place is named, it cannot be made, or the machine's mounts change all the time. Kept
 * until they change. `now`: CLOCK_MONOTONIC, nanoseconds.
 */
int lean_mounts(char **walls, int64_t now);

/* To be polled for POLLPRI: then mounts have changed; -1 while nothing is kept. */
int mount_changes(void);

/* Mounts that have gone on the machine are kept by nobody here. */
void forget_mounts(void);
