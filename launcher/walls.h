/* The launcher's side of walls: entering them before exec, and what the last stage says of them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "child.h"

/*
 * What is to be done arrives as strings, each beginning with a letter: `c` a file that the process
 * writes itself into, `tasks` of a group of version 1 or `cgroup.procs` of one of version 2, `n` a namespace file that it enters, `f` a file that it opens as
 * its next descriptor from 4 on. `m` a place whose
 * mounts it need not have (mounts.h). `r` alone: the last stage (inside.h) is started, and reports; `g`:
 * it guards the program (--init).
 */
bool walls_have(char **walls, char letter);

/* The wall that is a group of version 2, in which a process can begin; NULL where there is none. */
const char *group_to_be_born_in(char **walls);

/*
 * In the new process, with 0, 1 and 2 in place: does all of it, moves `report` (-1: none) to
 * descriptor 3, and closes everything else; `born_in` of the walls, unless NULL, is done already.
 * Returns 0, or the errno with `stage` set.
 */
int enter_walls(const struct program *program, const char *born_in, int report, enum stage *stage);

/* What the records at `report` say, once nobody can write there any more. */
struct walls_end {
  bool failed; /* the program never ran: `error` at `stage` */
  int error;
  enum stage stage;
  bool ended; /* the program ended with `status`, and `strays` outlived it */
  int status;
  uint32_t strays;
};

/* `status` is that of the process that was started. */
struct walls_end read_walls_end(int report, int status);
