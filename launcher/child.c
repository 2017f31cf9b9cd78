#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

void prepare_children(void) {
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

static const char *search_path(char **environment) {
  for (; *environment; environment++)
    if (strncmp(*environment, "PATH=", 5) == 0) return *environment + 5;
  return "/usr/bin:/bin";
}

/* As execvp(3) searches, but with the program's own PATH and without handing the file to a shell
   when it is no executable format. Returns the errno to report. */
static int exec_on_path(const struct program *program) {
  int error = ENOENT;
  size_t name_length = strlen(program->file);
  if (name_length == 0) return ENOENT;
  const char *directory = search_path(program->environment);
  for (;;) {
    size_t length = strcspn(directory, ":");
    char candidate[PATH_MAX];
    if (length + 1 + name_length < sizeof candidate) {
      memcpy(candidate, directory, length);
      candidate[length] = '/';
      /* An empty element is the current directory. */
      memcpy(candidate + (length ? length + 1 : 0), program->file, name_length + 1);
      execve(candidate, program->argv, program->environment);
      if (errno == EACCES) error = EACCES;
      else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) return errno;
    }
    if (directory[length] == 0) return error;
    directory += length + 1;
  }
}

int exec_program(const struct program *program) {
  if (!strchr(program->file, '/')) return exec_on_path(program);
  execve(program->file, program->argv, program->environment);
  return errno;
}

/*
 * Between vfork and exec. It shares the launcher's memory: what it writes to `program` the
 * launcher reads. Descriptors, signal mask and dispositions are its own.
 */
__attribute__((noreturn, noinline)) static void become(struct program *program, int input,
                                                       int output, int errors, int report,
                                                       pid_t launcher) {
  sigset_t none;
  setsid();
  /* If the launcher is killed, at least its own child goes with it. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launcher) _exit(127);
  dup2(input, 0);
  dup2(output, 1);
  dup2(errors, 2);
  if (!*program->walls) close_range(3, ~0U, 0);
  else if ((program->error = enter_walls(program->walls, report, &program->stage))) _exit(127);
  if (chdir(program->directory) < 0) {
    program->error = errno;
    program->stage = STAGE_DIRECTORY;
    _exit(127);
  }
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  program->error = exec_program(program);
  program->stage = STAGE_EXEC;
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

/* The score passes to the child at vfork; opening the child's own file costs ten times as much. */
static pid_t fork_child(struct program *program, int input, int pipes[4], int report) {
  pid_t launcher = getpid();
  set_oom_score(PROGRAM_OOM_SCORE);
  pid_t child = vfork();
  if (child == 0) become(program, input, pipes[1], pipes[3], report, launcher);
  int error = errno;
  set_oom_score(oom.usual);
  if (child < 0) program->error = error;
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
