/*
 * The last stage before a program with walls: `launcher inside [OPTION …] -- FILE ARGV …`. It
 * runs inside of the walls that bubblewrap has put up, gives away every privilege that is left and
 * becomes the program, or, as the first process of a PID namespace, starts it and answers for it.
 *
 *   --init             start the program, reap all orphans, kill what outlives it; refused where it
 *                      is not the first process of a PID namespace
 *   --user U:G[,G …]   numbers of the account, its group and its further groups
 *   --mark G           a further group, by which its processes are known; with --user it is in that list
 *   --place I:PATH     a directory is mounted there, without a symbolic link on the way, and it is I, its
 *                      device and inode as MAJOR:MINOR:INODE
 *   --directory I:PATH the same, and the program starts there
 *   --limit NAME=S:H   a resource limit, named as prlimit(1) does; `unlimited` is a value
 *   --keys             a session keyring of its own
 *   --no-privileges    no capability, and no way to gain one
 *   --filter           a system-call filter is read from descriptor 4
 *
 * What became of it goes to descriptor 3 as records. Without `begun` no wall is there and nothing
 * has run; without --init, a program that runs says nothing more.
 */
#pragma once

#include <stdint.h>

enum inside_kind { INSIDE_BEGUN = 1, INSIDE_FAILED, INSIDE_ENDED };

struct inside_record {
  uint32_t kind;
  uint32_t stage;  /* failed: enum stage (child.h); begun: 1 with --init */
  uint32_t value;  /* failed: errno; ended: wait status of the program */
  uint32_t strays; /* ended: processes that outlived it and were killed */
};

enum { INSIDE_REPORT = 3, INSIDE_FILTER };

/*
 * `argv` begins after the word `inside`. Returns the exit status where it did not become a program. Calls
 * nothing of the C library (bare.h): it may not be ready (first.c).
 */
int inside(char **argv, char **environment);
