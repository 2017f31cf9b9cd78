#define _GNU_SOURCE
#include "descendants.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct process {
  pid_t pid, parent, group;
  unsigned long long start_ticks; /* since boot; with the pid it names one process for ever */
  bool descends, signalled;
};

struct table {
  struct process *rows; /* ascending pid, the order in which the kernel lists /proc */
  size_t count, capacity;
};

/*
 * Reads /proc/PID/stat as proc_pid_stat(5) describes it. The command name, in parentheses, may
 * hold spaces and parentheses itself: the fields begin after the last one.
 */
static bool read_process(int proc, const char *pid_name, struct process *process) {
  char path[32], text[1024];
  snprintf(path, sizeof path, "%.20s/stat", pid_name);
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return false;
  text[length] = 0;
  const char *name_end = strrchr(text, ')');
  if (!name_end) return false;
  *process = (struct process){.pid = (pid_t)strtol(pid_name, NULL, 10)};
  return sscanf(name_end + 1,
                " %*c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                &process->parent, &process->group, &process->start_ticks) == 3;
}

static bool append(struct table *table, struct process process) {
  if (table->count == table->capacity) {
    size_t capacity = table->capacity ? 2 * table->capacity : 256;
    struct process *rows = realloc(table->rows, capacity * sizeof *rows);
    if (!rows) return false;
    table->rows = rows;
    table->capacity = capacity;
  }
  table->rows[table->count++] = process;
  return true;
}

static int by_pid(const void *left, const void *right) {
  pid_t a = ((const struct process *)left)->pid, b = ((const struct process *)right)->pid;
  return (a > b) - (a < b);
}

static void read_table(DIR *proc, struct table *table) {
  struct dirent *entry;
  struct process process;
  while ((entry = readdir(proc))) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    if (read_process(dirfd(proc), entry->d_name, &process) && !append(table, process)) break;
  }
  qsort(table->rows, table->count, sizeof *table->rows, by_pid);
}

/* Parents mostly have smaller pids, so nearly always the second pass changes nothing. */
static void mark_descendants(struct table *table, pid_t ancestor) {
  bool changed = true;
  while (changed) {
    changed = false;
    for (size_t i = 0; i < table->count; i++) {
      struct process *process = &table->rows[i], key = {.pid = process->parent};
      if (process->descends) continue;
      struct process *parent = bsearch(&key, table->rows, table->count, sizeof key, by_pid);
      if (process->parent != ancestor && !(parent && parent->descends)) continue;
      process->descends = changed = true;
    }
  }
}

/*
 * Looks at one member again right before signalling its group: only a pid space that wraps
 * around within those microseconds could make the number mean somebody else.
 */
static void signal_group(int proc, const struct process *member, int signal) {
  char name[16];
  struct process now;
  snprintf(name, sizeof name, "%d", member->pid);
  if (!read_process(proc, name, &now) || now.start_ticks != member->start_ticks) return;
  /* Group 0: led from outside this pid namespace, so the group cannot be named. */
  kill(now.group > 1 ? -now.group : now.pid, signal);
}

void signal_descendants(pid_t main_group, bool spare, int signal) {
  if (main_group > 1 && !spare) kill(-main_group, signal);
  DIR *proc = opendir("/proc");
  if (!proc) return;
  struct table table = {0};
  read_table(proc, &table);
  mark_descendants(&table, getpid());
  for (size_t i = 0; i < table.count; i++) {
    struct process *process = &table.rows[i];
    if (!process->descends || process->signalled || process->group == main_group) continue;
    signal_group(dirfd(proc), process, signal);
    for (size_t j = i; process->group > 1 && j < table.count; j++)
      if (table.rows[j].group == process->group) table.rows[j].signalled = true;
  }
  free(table.rows);
  closedir(proc);
}
