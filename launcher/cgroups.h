/* Ending everything in the cgroups that a program has joined, also while it forks as fast as it can. */
#pragma once

#include <limits.h>
#include <stdbool.h>

/* Directories of one program's cgroups; "" where there is none of the kind. */
struct cgroups {
  char second[PATH_MAX];  /* of version 2, with cgroup.kill */
  char freezer[PATH_MAX]; /* of version 1 */
};

/* Finds them among `walls` (walls.h). */
void find_cgroups(char **walls, struct cgroups *found);

/*
 * Version 2 from Linux 5.14 on: the kernel kills all members, and whatever they fork meanwhile.
 * Version 1: all are frozen, killed one by one, and thawed, upon which they die. False where neither
 * can be done.
 */
bool kill_cgroups(const struct cgroups *cgroups);
