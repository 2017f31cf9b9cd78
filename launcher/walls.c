#define _GNU_SOURCE
#include "walls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inside.h"

bool walls_have(char **walls, char letter) {
  for (; *walls; walls++)
    if (**walls == letter) return true;
  return false;
}

/* Of version 2 alone groups have no file `tasks`; `cgroup.procs` is said for them only. */
const char *group_to_be_born_in(char **walls) {
  static const char procs[] = "/cgroup.procs";
  for (; *walls; walls++) {
    size_t length = strlen(*walls);
    if (**walls == 'c' && length > sizeof procs && !strcmp(*walls + length + 1 - sizeof procs, procs))
      return *walls;
  }
  return NULL;
}

static int join_cgroup(const char *path) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = write(fd, "0", 1) == 1 ? 0 : errno; /* 0 is whoever writes */
  close(fd);
  return error;
}

static int join_namespace(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = setns(fd, 0) < 0 ? errno : 0;
  close(fd);
  return error;
}

static int enter(const char *wall, enum stage *stage) {
  switch (*wall) {
    case 'c':
      *stage = STAGE_CGROUP;
      return join_cgroup(wall + 1);
    case 'n':
      *stage = STAGE_NAMESPACE;
      return join_namespace(wall + 1);
    default:
      return 0;
  }
}

/* The lowest free numbers are given out in order. */
static int open_files(char **walls) {
  for (; *walls; walls++)
    if (**walls == 'f' && open(*walls + 1, O_RDONLY) < 0) return errno;
  return 0;
}

int enter_walls(const struct program *program, const char *born_in, int report, enum stage *stage) {
  char **walls = program->walls;
  for (char **wall = walls; *wall; wall++) {
    int error = *wall == born_in ? 0 : enter(*wall, stage);
    if (error) return error;
  }
  *stage = STAGE_NAMESPACE;
  if (program->mounts >= 0 && setns(program->mounts, CLONE_NEWNS) < 0) return errno;
  *stage = STAGE_FILE;
  if (report == INSIDE_REPORT) fcntl(report, F_SETFD, 0);
  else if (report >= 0 && dup2(report, INSIDE_REPORT) < 0) return errno;
  close_range(report < 0 ? INSIDE_REPORT : INSIDE_REPORT + 1, ~0U, 0);
  return open_files(walls);
}

struct walls_end read_walls_end(int report, int status) {
  struct walls_end end = {.failed = true, .stage = STAGE_BEFORE, .status = status};
  struct inside_record records[4];
  ssize_t length = read(report, records, sizeof records);
  bool guarded = false;
  for (ssize_t i = 0; i < length / (ssize_t)sizeof *records; i++) {
    struct inside_record *record = &records[i];
    if (record->kind == INSIDE_BEGUN) end.failed = false, guarded = record->stage;
    if (record->kind == INSIDE_FAILED) {
      end.failed = true;
      end.stage = (enum stage)record->stage;
      end.error = (int)record->value;
      return end;
    }
    if (record->kind != INSIDE_ENDED) continue;
    end.ended = true;
    end.status = (int)record->value;
    end.strays = record->strays;
  }
  /* bubblewrap says with 128 + n that the last stage was ended by signal n, and the program too. */
  if (guarded && !end.ended && WIFEXITED(status) && WEXITSTATUS(status) > 128)
    end.status = WEXITSTATUS(status) - 128;
  return end;
}
