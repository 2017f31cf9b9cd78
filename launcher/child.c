#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone3.h"
#include "exec.h"
#include "processor.h"
#include "walls.h"

/* Of 1000: the kernel short of memory should take the program before the launcher or the worker. */
static const char PROGRAM_OOM_SCORE[] = "500";

/* The launcher's own score, and its file in /proc kept open: -1 where the score cannot be changed
   back and forth, or is as high already. */
static struct {
  int fd;
  char usual[16];
} oom = {.fd = -1};

static void set_oom_score(const char *score) {
  if (oom.fd >= 0 && pwrite(oom.fd, score, strlen(score), 0) < 0) {
    close(oom.fd);
    oom.fd = -1;
  }
}

/* What the new process says of its failure; it may have memory of its own otherwise. */
static struct failure {
  int error;
  enum stage stage;
} *failure, failure_of_vfork;

void prepare_children(void) {
  void *shared = mmap(NULL, sizeof *failure, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  failure = shared == MAP_FAILED ? &failure_of_vfork : shared;
  oom.fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
  if (oom.fd < 0) return;
  ssize_t length = read(oom.fd, oom.usual, sizeof oom.usual - 1);
  if (length > 0 && atoi(oom.usual) < atoi(PROGRAM_OOM_SCORE)) return;
  close(oom.fd);
  oom.fd = -1;
}

void forget_peak(void) {
  int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t written = write(fd, "5", 1);
  (void)written; /* only accuracy is lost */
  close(fd);
}

/*
 * Between fork and exec. It may share the launcher's memory; `failure` it always does. Descriptors,
 * signal mask and dispositions are its own. `born_in`: the cgroup wall that it stands behind already.
 */
__attribute__((noreturn, noinline)) static void become(const struct program *program, int input,
                                                       int output, int errors, int report,
                                                       const char *born_in, pid_t launcher) {
  sigset_t none;
  setsid();
  /* If the launcher is killed, at least its own child goes with it. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launcher) _exit(127);
  dup2(input, 0);
  dup2(output, 1);
  dup2(errors, 2);
  if (!*program->walls) close_range(3, ~0U, 0);
  else if ((failure->error = enter_walls(program, born_in, report, &failure->stage)))
    _exit(127);
  if (chdir(program->directory) < 0) {
    failure->error = errno;
    failure->stage = STAGE_DIRECTORY;
    _exit(127);
  }
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  failure->error = exec_file(program->file, program->argv, program->environment);
  failure->stage = STAGE_EXEC;
  _exit(127);
}

/* O_NONBLOCK only so that opening a FIFO without a writer returns; the program gets it blocking. */
static int open_input(const char *path) {
  if (*path == 0) return open("/dev/null", O_RDONLY | O_CLOEXEC);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd >= 0) fcntl(fd, F_SETFL, 0);
  return fd;
}

static int open_pipe(int pipe[2]) {
  if (pipe2(pipe, O_CLOEXEC) < 0) return -1;
  return fcntl(pipe[0], F_SETFL, O_NONBLOCK);
}

void close_pipes(int pipes[4]) {
  for (int i = 0; i < 4; i++) {
    if (pipes[i] >= 0) close(pipes[i]);
    pipes[i] = -1;
  }
}

/* Everything that `become` is told. */
struct birth {
  const struct program *program;
  int input, output, errors, report;
  const char *born_in;
  pid_t launcher;
  bool stays;
};

__attribute__((noreturn)) static void be_born(void *of) {
  const struct birth *birth = of;
  if (birth->stays) roam();
  become(birth->program, birth->input, birth->output, birth->errors, birth->report, birth->born_in,
         birth->launcher);
}

/*
 * Linux 5.7: born in its group of version 2. Moving there, as in any write to a cgroup.procs, waits for
 * all processors to pass through the scheduler, 10 ms and more on a machine at rest. Returns -1 where
 * that cannot be done, and the process is to move by itself. As vfork(2) it has the launcher's memory
 * until it executes, since a copy of that takes longer than all else here; but a stack of its own.
 */
#if defined CLONE_INTO_CGROUP && defined HAVE_CLONE3
static pid_t fork_into(const char *group_of, struct birth *birth) {
  static unsigned char stack[4 * PATH_MAX + 65536] __attribute__((aligned(16)));
  struct clone_args how = {
      .flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = sizeof stack,
  };
  char directory[PATH_MAX];
  size_t length = (size_t)(strrchr(group_of, '/') - group_of);
  if (length >= sizeof directory) return -1;
  memcpy(directory, group_of, length);
  directory[length] = 0;
  int group = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (group < 0) return -1;
  how.cgroup = (uint64_t)group;
  long child = clone3_to(&how, sizeof how, be_born, birth);
  close(group);
  return child < 0 ? -1 : (pid_t)child;
}
#else /* headers of an older kernel, or another machine */
static pid_t fork_into(const char *group_of, struct birth *birth) {
  return (void)group_of, (void)birth, -1;
}
#endif

/* The score passes to the child at the fork; opening the child's own file costs ten times as much. */
static pid_t fork_child(struct program *program, int input, int pipes[4], int report) {
  const char *wall = group_to_be_born_in(program->walls);
  struct birth birth = {.program = program,
                        .input = input,
                        .output = pipes[1],
                        .errors = pipes[3],
                        .report = report,
                        .born_in = wall,
                        .launcher = getpid()};
  *failure = (struct failure){.stage = STAGE_PROCESS};
  set_oom_score(PROGRAM_OOM_SCORE);
  birth.stays = stay();
  pid_t child = wall ? fork_into(wall + 1, &birth) : -1;
  if (child < 0) {
    birth.born_in = NULL;
    child = vfork();
    if (child == 0) be_born(&birth);
  }
  if (child < 0) failure->error = errno;
  if (birth.stays) roam();
  set_oom_score(oom.usual);
  program->error = failure->error;
  program->stage = failure->stage;
  return child;
}

pid_t start_child(struct program *program, int pipes[4], int *report) {
  int reports[2] = {-1, -1};
  *report = -1;
  for (int i = 0; i < 4; i++) pipes[i] = -1;
  program->error = 0;
  program->stage = STAGE_STDIN;
  int input = open_input(program->input);
  if (input < 0) {
    program->error = errno;
    return -1;
  }
  pid_t child = -1;
  program->stage = STAGE_PROCESS;
  if (open_pipe(pipes) < 0 || open_pipe(pipes + 2) < 0) program->error = errno;
  else if (walls_have(program->walls, 'r') && open_pipe(reports) < 0) program->error = errno;
  else child = fork_child(program, input, pipes, reports[1]);
  close(input);
  if (reports[1] >= 0) close(reports[1]);
  *report = reports[0];
  if (!program->error) return child;
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  close_pipes(pipes);
  if (*report >= 0) close(*report);
  return -1;
}
