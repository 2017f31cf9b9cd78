/* Turning a request into a running process. */
#pragma once

#include <sys/types.h>

/* Where a start failed; the numbers are part of the protocol. */
enum stage {
  STAGE_PROCESS = 1,
  STAGE_STDIN,
  STAGE_DIRECTORY,
  STAGE_EXEC,
  STAGE_WITHDRAWN,
  /* Below here: walls. */
  STAGE_CGROUP = 16,
  STAGE_NAMESPACE,
  STAGE_FILE,
  STAGE_BEFORE, /* what was to put up walls ended before the last stage (inside.h) began */
  STAGE_OPTIONS,
  STAGE_LIMIT,
  STAGE_KEYS,
  STAGE_ACCOUNT,
  STAGE_PRIVILEGES,
  STAGE_FILTER,
  STAGE_PLACE, /* something else was mounted than what was looked at */
};

struct program {
  char *directory, *input, *file, **argv, **environment;
  char **walls; /* see walls.h; none where the first is NULL */
  int mounts;   /* a mount namespace to enter, or -1 */
  int error; /* errno of a start that failed */
  enum stage stage;
};

/* To be called once, before the first start. */
void prepare_children(void);

/*
 * A program starts out in the launcher's memory, and Linux counts that memory's peak as its own.
 * So the peak is forgotten once a large request has been given back (proc(5), clear_refs).
 */
void forget_peak(void);

/*
 * Starts the program in a session of its own and returns its pid; `pipes` gets its stdout (read
 * end, non-blocking; write end) and its stderr likewise; `report` gets the read end of what the last
 * stage says (walls.h), or -1. Returns -1, with `error` and `stage` set, when it never ran.
 */
pid_t start_child(struct program *program, int pipes[4], int *report);

void close_pipes(int pipes[4]);
