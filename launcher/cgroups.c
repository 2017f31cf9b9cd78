#define _GNU_SOURCE
#include "cgroups.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* False where there is no such file, or the kernel refused. */
static bool write_to(const char *directory, const char *file, const char *value) {
  char path[PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/%s", directory, file);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool done = write(fd, value, strlen(value)) >= 0;
  close(fd);
  return done;
}

static bool has(const char *directory, const char *file) {
  char path[PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/%s", directory, file);
  return access(path, F_OK) == 0;
}

/* The directory of a file that is called `name`, unless it is ""; "" where there is none that has `other`. */
static void find(char **walls, const char *name, const char *other, char directory[PATH_MAX]) {
  for (; *walls; walls++) {
    const char *file = *walls + 1, *end = strrchr(file, '/');
    if (**walls != 'c' || !end || end - file >= PATH_MAX) continue;
    if (*name && strcmp(end + 1, name) != 0) continue;
    memcpy(directory, file, (size_t)(end - file));
    directory[end - file] = 0;
    if (has(directory, other)) return;
  }
  directory[0] = 0;
}

/* Each look at a new group's file makes the kernel make it, so there is one where one will do. */
void find_cgroups(char **walls, struct cgroups *found) {
  found->freezer[0] = 0;
  find(walls, "cgroup.procs", "cgroup.kill", found->second);
  if (!found->second[0]) find(walls, "", "freezer.state", found->freezer);
}

static void kill_members(const char *directory) {
  char path[PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/cgroup.procs", directory);
  FILE *members = fopen(path, "re");
  if (!members) return;
  int pid;
  while (fscanf(members, "%d", &pid) == 1)
    if (pid > 1) kill(pid, SIGKILL); /* 0: of another PID namespace */
  fclose(members);
}

bool kill_cgroups(const struct cgroups *cgroups) {
  if (cgroups->second[0] && write_to(cgroups->second, "cgroup.kill", "1")) return true;
  if (!cgroups->freezer[0] || !write_to(cgroups->freezer, "freezer.state", "FROZEN")) return false;
  kill_members(cgroups->freezer);
  return write_to(cgroups->freezer, "freezer.state", "THAWED");
}
