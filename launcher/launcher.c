/*
 * Starts programs for Windrow, one at a time, and answers for everything they leave behind.
 *
 * Protocol, version 1. Requests arrive on descriptor 0, reports leave on descriptor 1; both are
 * sequences of frames: u32 length of the payload, u8 kind, payload. All integers are little-endian.
 *
 *   request 1  start   u64 timeout ms (0: none), u64 grace ms, u32 argc, u32 envc, u32 wallc, then
 *                      strings, each ended by NUL: directory, stdin path ("" is /dev/null), file,
 *                      argv[argc], environment[envc], walls[wallc] (walls.h)
 *   request 2  kill    u64 grace ms (0: SIGKILL at once)
 *   report  1  hello   "WNDR", u32 version; once, before anything else
 *   report  2  stdout  bytes
 *   report  3  stderr  bytes
 *   report  4  ended   u8 1 exited / 2 signalled, u8 flags (1 timed out, 2 killed), u16 exit status
 *                      or signal, u32 strays, u64 wall us, u64 user us, u64 system us,
 *                      u64 peak memory bytes
 *   report  5  failed  u32 errno, u8 stage (child.h): the program never ran
 *
 * Every start is answered by exactly one `ended` or `failed`, after all output. A kill while
 * nothing runs is ignored. A malformed frame, or a start while a program runs, kills everything
 * and exits 65. End of file on descriptor 0, nobody at descriptor 1, SIGTERM or the death of the
 * parent kills everything and exits 0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "descendants.h"
#include "frames.h"
#include "inside.h"
#include "walls.h"

enum { VERSION = 1 };
enum { REQUEST_START = 1, REQUEST_KILL };
enum { REPORT_HELLO = 1, REPORT_STDOUT, REPORT_STDERR, REPORT_ENDED, REPORT_FAILED };
enum { EXIT_MALFORMED = 65, EXIT_UNABLE = 71 };

static const int64_t MS = 1000000, NEVER = INT64_MAX;
/* Ten years: longer times are cut to this, so that deadlines in nanoseconds cannot overflow. */
static const uint64_t MS_LIMIT = 315360000000;

static struct {
  bool active;             /* from a start until its end is reported */
  bool ended;              /* the program itself was reaped; descendants may be left */
  bool gone;               /* no descendant is left; output may be */
  bool tree_killed;        /* SIGKILL reached the tree while the program itself lived */
  bool timed_out, killed;
  bool guarded;            /* the process that was started guards the program, and is not it */
  pid_t pid;
  int status;
  int report;              /* of the last stage (inside.h), or -1 */
  int pipes[4];            /* stdout, stderr: read end, write end */
  int held[2];             /* bytes still to take from them once the tree is gone */
  int64_t started, finished;               /* CLOCK_MONOTONIC, nanoseconds */
  int64_t timeout_at, kill_at, hunt_again; /* NEVER where nothing is due */
  int64_t hunt_pause;
  uint64_t grace_ms, user_us, system_us, peak_bytes;
  uint32_t strays;
} attempt;

static int signals;  /* signalfd: SIGCHLD, SIGTERM */
static bool leaving; /* nobody listens any more: kill, reap, exit */
static int leaving_status;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * (1000 * MS) + now.tv_nsec;
}

static void leave(int status) {
  if (!leaving) leaving_status = status;
  leaving = true;
}

/* ---- killing ---- */

/* Only while the program is not reaped is its number surely its own. */
static pid_t main_group(void) { return attempt.ended ? 0 : attempt.pid; }

/*
 * Frozen first, killed second: nobody is left awake to start a replacement for the dead. Rounds
 * repeat, with growing pauses, until wait4 says that no child is left.
 */
static void hunt(int64_t now) {
  if (!attempt.ended) attempt.tree_killed = true;
  signal_descendants(main_group(), false, SIGSTOP);
  signal_descendants(main_group(), false, SIGKILL);
  attempt.hunt_pause = attempt.hunt_pause ? attempt.hunt_pause * 2 : MS;
  if (attempt.hunt_pause > 64 * MS) attempt.hunt_pause = 64 * MS;
  attempt.hunt_again = now + attempt.hunt_pause;
}

static void begin_kill(uint64_t grace_ms, int64_t now) {
  if (grace_ms > 0 && attempt.kill_at == NEVER) {
    signal_descendants(main_group(), attempt.guarded, SIGTERM);
    signal_descendants(main_group(), attempt.guarded, SIGCONT); /* the stopped cannot act on SIGTERM */
  }
  int64_t kill_at = now + (int64_t)grace_ms * MS;
  if (kill_at < attempt.kill_at) attempt.kill_at = kill_at;
}

static void meet_deadlines(int64_t now) {
  if (!attempt.active || attempt.gone) return;
  if (!attempt.ended && now >= attempt.timeout_at) {
    attempt.timed_out = true;
    attempt.timeout_at = NEVER;
    begin_kill(attempt.grace_ms, now);
  }
  /* What outlives a program that ended by itself gets no grace, nor does anything when we leave. */
  if (leaving || (attempt.ended && attempt.kill_at == NEVER)) attempt.kill_at = 0;
  if (now >= attempt.kill_at && now >= attempt.hunt_again) hunt(now);
}

static int64_t next_deadline(void) {
  if (!attempt.active || attempt.gone) return NEVER;
  int64_t kill_at = leaving ? 0 : attempt.kill_at;
  int64_t hunt_at = kill_at > attempt.hunt_again ? kill_at : attempt.hunt_again;
  return !attempt.ended && attempt.timeout_at < hunt_at ? attempt.timeout_at : hunt_at;
}

/* ---- ends ---- */

static uint64_t microseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static void count_end(pid_t pid, int status, const struct rusage *usage) {
  attempt.user_us += microseconds(usage->ru_utime);
  attempt.system_us += microseconds(usage->ru_stime);
  uint64_t peak = (uint64_t)usage->ru_maxrss * 1024; /* Linux counts it in KiB */
  if (peak > attempt.peak_bytes) attempt.peak_bytes = peak;
  if (pid == attempt.pid) {
    attempt.ended = true;
    attempt.finished = now_ns();
    attempt.status = status;
  } else if (attempt.ended && !attempt.tree_killed && WIFSIGNALED(status) &&
             WTERMSIG(status) == SIGKILL) {
    attempt.strays++; /* one that outlived the program and was not ending by itself */
  }
}

/* Reaps all that can be reaped; false when no child is left, so that nothing of the program is. */
static bool reap(void) {
  for (;;) {
    int status;
    struct rusage usage;
    pid_t pid = wait4(-1, &status, WNOHANG | __WALL, &usage);
    if (pid > 0) count_end(pid, status, &usage);
    if (pid == 0) return true;
    if (pid < 0 && errno != EINTR) return false;
  }
}

static int output_of(int stream) { return attempt.pipes[2 * stream]; }

/*
 * The last descendant was reaped. What the pipes hold now is still the program's, and no more: a
 * process outside the tree may have been handed their other end and could write for ever. So the
 * end of a stream is never waited for, and we keep the write ends open too: that spares a wake-up
 * for each stream that ends shortly before the program does.
 */
static void mark_gone(void) {
  attempt.gone = true;
  for (int stream = 0; stream < 2; stream++) {
    attempt.held[stream] = 0;
    ioctl(output_of(stream), FIONREAD, &attempt.held[stream]);
  }
}

static void on_signals(void) {
  struct signalfd_siginfo info[8];
  bool child = false;
  ssize_t length = read(signals, info, sizeof info);
  for (ssize_t i = 0; i < length / (ssize_t)sizeof *info; i++) {
    if (info[i].ssi_signo == SIGTERM) leave(0);
    if (info[i].ssi_signo == SIGCHLD) child = true;
  }
  if (child && attempt.active && !attempt.gone && !reap()) mark_gone();
}

/* ---- output: read only when all reports are sent, so that a slow reader slows the program ---- */

static ssize_t forward(int stream, size_t limit) {
  return report_read(stream == 0 ? REPORT_STDOUT : REPORT_STDERR, output_of(stream), limit);
}

static void drain(int stream) {
  int held = attempt.held[stream] < OUTPUT_CHUNK ? attempt.held[stream] : OUTPUT_CHUNK;
  ssize_t length = held > 0 ? forward(stream, (size_t)held) : 0;
  attempt.held[stream] -= length > 0 ? (int)length : attempt.held[stream];
}

static void report_end(void) {
  unsigned char payload[40], *to = payload;
  bool exited = WIFEXITED(attempt.status);
  put(&to, exited ? 1 : 2, 1);
  put(&to, (attempt.timed_out ? 1 : 0) | (attempt.killed ? 2 : 0), 1);
  put(&to, (uint64_t)(exited ? WEXITSTATUS(attempt.status) : WTERMSIG(attempt.status)), 2);
  put(&to, attempt.strays, 4);
  put(&to, (uint64_t)(attempt.finished - attempt.started) / 1000, 8);
  put(&to, attempt.user_us, 8);
  put(&to, attempt.system_us, 8);
  put(&to, attempt.peak_bytes, 8);
  report(REPORT_ENDED, payload, sizeof payload);
}

static void report_failure(int error, enum stage stage) {
  unsigned char payload[5], *to = payload;
  put(&to, (uint64_t)error, 4);
  put(&to, stage, 1);
  report(REPORT_FAILED, payload, sizeof payload);
}

/* False when the program never ran, and that is what is reported. */
static bool settle_walls(void) {
  if (attempt.report < 0) return true;
  struct walls_end end = read_walls_end(attempt.report, attempt.status);
  close(attempt.report);
  attempt.status = end.status;
  attempt.strays += end.strays;
  if (!end.failed || attempt.killed || attempt.timed_out) return true;
  if (!leaving) report_failure(end.error, end.stage);
  return false;
}

static void finish(void) {
  attempt.active = false;
  close_pipes(attempt.pipes);
  if (settle_walls() && !leaving) report_end();
}

/* Flushes; then, of a program that is gone, reports the last output and the end as room allows. */
static void settle(void) {
  if (!flush_reports()) leave(0);
  while (attempt.active && attempt.gone && (leaving || !reports_waiting())) {
    if (!leaving) drain(0), drain(1);
    if (leaving || attempt.held[0] + attempt.held[1] == 0) finish();
    if (!flush_reports()) leave(0);
  }
}

/* ---- requests ---- */

static void start(struct program *program, uint64_t timeout_ms, uint64_t grace_ms) {
  memset(&attempt, 0, sizeof attempt);
  attempt.started = now_ns();
  attempt.guarded = walls_have(program->walls, 'g');
  attempt.pid = start_child(program, attempt.pipes, &attempt.report);
  if (attempt.pid < 0) return report_failure(program->error, program->stage);
  attempt.active = true;
  attempt.grace_ms = grace_ms;
  attempt.timeout_at = timeout_ms ? attempt.started + (int64_t)timeout_ms * MS : NEVER;
  attempt.kill_at = NEVER;
}

static uint64_t get_ms(const unsigned char *from) {
  uint64_t ms = get(from, 8);
  return ms < MS_LIMIT ? ms : MS_LIMIT;
}

/* Takes `count` strings from `*from`, each ended by NUL before `end`; false where there are fewer. */
static bool take(char **from, char *end, char **strings, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char *nul = memchr(*from, 0, (size_t)(end - *from));
    if (!nul) return false;
    strings[i] = *from;
    *from = nul + 1;
  }
  return true;
}

static bool accept_start(unsigned char *payload, size_t length) {
  enum { FIXED = 28, PATHS = 3 };
  if (attempt.active || length < FIXED) return false;
  size_t argc = get(payload + 16, 4), envc = get(payload + 20, 4), wallc = get(payload + 24, 4);
  char *from = (char *)payload + FIXED, *end = (char *)payload + length, *paths[PATHS];
  /* A string takes a byte at least: this bounds the counts before anything is allocated for them. */
  if (argc == 0 || PATHS + argc + envc + wallc > length - FIXED) return false;
  char **vectors = calloc(argc + 1 + envc + 1 + wallc + 1, sizeof *vectors);
  struct program program = {.argv = vectors,
                            .environment = vectors + argc + 1,
                            .walls = vectors + argc + 1 + envc + 1};
  bool sound = vectors && take(&from, end, paths, PATHS) &&
               take(&from, end, program.argv, argc) &&
               take(&from, end, program.environment, envc) &&
               take(&from, end, program.walls, wallc) && from == end;
  if (sound) {
    program.directory = paths[0], program.input = paths[1], program.file = paths[2];
    start(&program, get_ms(payload), get_ms(payload + 8));
  }
  free(vectors);
  return sound;
}

static bool accept_kill(const unsigned char *payload, size_t length) {
  if (length != 8) return false;
  if (!attempt.active || attempt.gone) return true;
  if (!attempt.ended) attempt.killed = true;
  begin_kill(get_ms(payload), now_ns());
  return true;
}

/* A start waits for the reports before it to be sent: no request can make the outbox overflow. */
static void accept_requests(void) {
  int kind;
  unsigned char *payload;
  size_t length;
  enum next next;
  while (!leaving && (next = next_request(&kind, &payload, &length)) != NEXT_NONE) {
    if (next == NEXT_REQUEST && kind == REQUEST_START && !attempt.active && reports_waiting()) return;
    bool sound = next == NEXT_REQUEST &&
                 ((kind == REQUEST_START && accept_start(payload, length)) ||
                  (kind == REQUEST_KILL && accept_kill(payload, length)));
    if (!sound) return leave(EXIT_MALFORMED);
    drop_request();
  }
}

/* ---- the loop ---- */

static void turn(void) {
  bool listening = attempt.active && !leaving && !reports_waiting();
  struct pollfd fds[] = {
      {.fd = signals, .events = POLLIN},
      {.fd = leaving || requests_full() ? -1 : 0, .events = POLLIN},
      {.fd = reports_waiting() && !leaving ? 1 : -1, .events = POLLOUT},
      {.fd = listening ? output_of(0) : -1, .events = POLLIN},
      {.fd = listening ? output_of(1) : -1, .events = POLLIN},
  };
  int64_t deadline = next_deadline(), now = now_ns(), left = deadline > now ? deadline - now : 0;
  struct timespec wait = {.tv_sec = left / (1000 * MS), .tv_nsec = left % (1000 * MS)};
  if (ppoll(fds, 5, deadline == NEVER ? NULL : &wait, NULL) < 0) return;
  if (fds[0].revents) on_signals();
  if (fds[3].revents) forward(0, OUTPUT_CHUNK);
  if (fds[4].revents) forward(1, OUTPUT_CHUNK);
  if (fds[1].revents && !read_requests()) leave(0);
  do {
    accept_requests();
    meet_deadlines(now_ns());
    settle();
  } while (!leaving && !attempt.active && !reports_waiting() && request_waiting());
}

/* No handler is ever installed: a program inherits default dispositions whatever ours was given. */
static bool set_up_signals(void) {
  sigset_t all, wanted;
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigfillset(&all);
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCHLD);
  sigaddset(&wanted, SIGTERM);
  sigprocmask(SIG_SETMASK, &all, NULL);
  signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  return signals >= 0;
}

/* With 0, 1 and 2 surely open, no pipe of a program can ever get one of these numbers. */
static void set_up_descriptors(void) {
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", O_RDWR);
  close_range(3, ~0U, 0);
  for (int fd = 0; fd < 2; fd++) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "inside") == 0) return inside(argv + 2);
  static const unsigned char hello[] = {'W', 'N', 'D', 'R', VERSION, 0, 0, 0};
  set_up_descriptors();
  setsid(); /* Ctrl-C in the worker's terminal is the worker's business */
  if (!set_up_signals() || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return EXIT_UNABLE;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  prepare_children();
  report(REPORT_HELLO, hello, sizeof hello);
  settle();
  while (!leaving || attempt.active) turn();
  return leaving_status;
}
