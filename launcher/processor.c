#define _GNU_SOURCE
#include "processor.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int left_by_last = -1;

/* Where this process may run, and what gives it that. */
static cpu_set_t allowed, usual;

/* proc(5): the name stands between parentheses and may hold any character; the state is the third field,
   the processor the thirty-ninth. */
static int processor_in(const char *stat) {
  const char *at = strrchr(stat, ')');
  for (int field = 2; at && field < 39; field++) at = strchr(at + 1, ' ');
  return at ? atoi(at) : -1;
}

void note_end_of(pid_t pid) {
  char path[32], stat[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t length = read(fd, stat, sizeof stat - 1);
  close(fd);
  if (length <= 0) return;
  stat[length] = 0;
  left_by_last = processor_in(stat);
}

void forget_end(void) { left_by_last = -1; }

static bool go_to(int processor) {
  cpu_set_t only;
  if (processor < 0 || processor >= CPU_SETSIZE) return false;
  CPU_ZERO(&only);
  CPU_SET(processor, &only);
  return sched_setaffinity(0, sizeof only, &only) == 0;
}

/*
 * Whoever asks for all processors gets those of his cpuset, also when that grows later; who asks for those of
 * today does not. So all are asked for, unless somebody keeps this process to fewer than its cpuset has.
 */
static bool learn(void) {
  cpu_set_t now, found;
  if (sched_getaffinity(0, sizeof now, &now) < 0) return false;
  if (CPU_EQUAL(&now, &allowed)) return true;
  memset(&usual, 0xff, sizeof usual);
  sched_setaffinity(0, sizeof usual, &usual);
  if (sched_getaffinity(0, sizeof found, &found) < 0 || !CPU_EQUAL(&found, &now)) usual = now;
  roam();
  allowed = now;
  return true;
}

bool stay(void) {
  int last = left_by_last;
  forget_end();
  if (!learn()) return false;
  return (last >= 0 && last < CPU_SETSIZE && CPU_ISSET(last, &allowed) && go_to(last)) || go_to(sched_getcpu());
}

void roam(void) { sched_setaffinity(0, sizeof usual, &usual); }
