/*
 * Starts programs for Windrow, one at a time, and answers for everything they leave behind.
 *
 * Protocol, version 4. Requests arrive on descriptor 0, reports leave on descriptor 1; both are
 * sequences of frames: u32 length of the payload, u8 kind, payload. All integers are little-endian.
 *
 *   request 1  start     u32 id, u64 timeout ms (0: none), u64 grace ms, u32 tell within ms,
 *                        u32 argc, u32 envc, u32 wallc, then strings, each ended by NUL: directory,
 *                        stdin path ("" is /dev/null), file, argv[argc], environment[envc],
 *                        walls[wallc] (walls.h)
 *   request 2  kill      u32 id, u64 grace ms (0: SIGKILL at once); a start that waits is withdrawn
 *   request 3  withdraw  u32 id: a start that waits is not to run; one that runs is left alone
 *   report  1  hello     "WNDR", u32 version; once, before anything else
 *   report  2  stdout    bytes
 *   report  3  stderr    bytes
 *   report  4  ended     u32 id, u8 1 exited / 2 signalled, u8 flags (1 timed out, 2 killed,
 *                        4 SIGKILL did not end all of it),
 *                        u16 exit status or signal, u32 strays, u64 wall us, u64 user us,
 *                        u64 system us, u64 peak memory bytes, u64 bytes read from disks,
 *                        u64 written to them, u64 context switches, u64 CLOCK_MONOTONIC ns of
 *                        the program's end
 *   report  5  failed    u32 id, u32 errno, u8 stage (child.h): the program never ran
 *   report  6  words     bytes that were printed instead of a program's, by what was to put up its walls;
 *                        shortly before `failed`
 *
 * Starts may be sent ahead, up to 64; they run one after the other, in order. Every start is
 * answered by exactly one `ended` or `failed`, after all its output; a withdrawn one as soon as
 * there is room. Requests for an id that neither runs nor waits are ignored. While enough starts wait,
 * reports of a program may be kept for as long as its start allows (tell within), so that one reading
 * takes several; but not that it failed, nor what was asked for by a kill or a withdrawal. A malformed
 * frame, or a start too many, kills everything and exits 65. End of file on descriptor 0, nobody at
 * descriptor 1, SIGTERM or the death of the parent kills everything and exits 0.
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

#include "cgroups.h"
#include "child.h"
#include "descendants.h"
#include "events.h"
#include "frames.h"
#include "inside.h"
#include "mounts.h"
#include "processor.h"
#include "starts.h"
#include "walls.h"

enum { VERSION = 4 };
enum { REQUEST_START = 1, REQUEST_KILL, REQUEST_WITHDRAW };
enum { REPORT_HELLO = 1, REPORT_STDOUT, REPORT_STDERR, REPORT_ENDED, REPORT_FAILED, REPORT_WORDS };
enum { EXIT_MALFORMED = 65, EXIT_UNABLE = 71 };

static const int64_t MS = 1000000, NEVER = INT64_MAX;
/* What waits has to last so long for reports to be kept: the worker is to send more meanwhile. */
static const int64_t SUPPLY = 6 * MS;
/* Before what outlives a program is hunted: much of it is ending, as the guards of a PID namespace are,
   and a look at all processes of the machine takes as long. */
static const int64_t REMAINS_WAIT = 1 * MS;

/* A process in the middle of a system call that sleeps for good does not even die. */
static int64_t give_up = 30000 * MS;

static struct {
  bool active;             /* from a start until its end is reported */
  bool ended;              /* the program itself was reaped; descendants may be left */
  bool gone;               /* no descendant is left; output may be */
  bool tree_killed;        /* SIGKILL reached the tree while the program itself lived */
  bool timed_out, killed;
  bool abandoned;          /* SIGKILL did not end it in time: it is told as it is */
  bool guarded;            /* the process that was started guards the program, and is not it */
  uint32_t id;
  pid_t pid;
  int status;
  int report;              /* of the last stage (inside.h), or -1 */
  enum { UNHEARD, BEGUN, AWAITED, NEVER_BEGUN } stage; /* the last one; AWAITED: output waits for it */
  int pipes[4];            /* stdout, stderr: read end, write end */
  int held[2];             /* bytes still to take from them once the tree is gone */
  int64_t started, finished;               /* CLOCK_MONOTONIC, nanoseconds */
  int64_t timeout_at, kill_at, hunt_again; /* NEVER where nothing is due */
  int64_t hunt_pause, hunting_since; /* hunting_since: 0 before the first hunt */
  int64_t tell_within;
  uint64_t grace_ms, user_us, system_us, peak_bytes, read_bytes, written_bytes, switches;
  uint32_t strays;
  struct cgroups cgroups; /* that the program has joined: all of it is in there */
} attempt;

static int64_t reports_due = INT64_MAX; /* when those that gather are sent; NEVER while none does */
static int64_t last_took;               /* by the program that ended last, nanoseconds */
static int signals;                     /* signalfd: SIGCHLD, SIGTERM */
static bool worn;                       /* something it could not kill is its child for good */
static bool leaving;                    /* nobody listens any more: kill, reap, exit */
static int leaving_status;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * (1000 * MS) + now.tv_nsec;
}

/* What gathers is not kept any longer. */
static void tell_at_once(void) { reports_due = 0; }

static void leave(int status) {
  if (!leaving) leaving_status = status;
  leaving = true;
}

/* ---- killing ---- */

/* Only while the program is not reaped is its number surely its own. */
static pid_t main_group(void) { return attempt.ended ? 0 : attempt.pid; }

/*
 * In a cgroup all die at once. Otherwise frozen first, killed second: nobody is left awake to start a
 * replacement for the dead. Rounds repeat, with growing pauses, until wait4 says that no child is
 * left.
 */
static void hunt(int64_t now) {
  if (!attempt.ended) attempt.tree_killed = true;
  if (!kill_cgroups(&attempt.cgroups)) {
    signal_descendants(main_group(), false, SIGSTOP);
    signal_descendants(main_group(), false, SIGKILL);
  }
  attempt.hunt_pause = attempt.hunt_pause ? attempt.hunt_pause * 2 : MS;
  if (attempt.hunt_pause > 64 * MS) attempt.hunt_pause = 64 * MS;
  attempt.hunt_again = now + attempt.hunt_pause;
  if (!attempt.hunting_since) attempt.hunting_since = now;
}

static void mark_gone(void);

/*
 * What is left stays a child of this launcher and would be taken for part of the next program. So
 * none is run any more: those that wait are given back, and the worker lets this launcher go.
 */
static void abandon(int64_t now) {
  attempt.abandoned = worn = true;
  if (!attempt.ended) {
    attempt.ended = true;
    attempt.finished = now;
    attempt.status = SIGKILL; /* a wait status: ended by it */
  }
  withdraw_all_starts();
  mark_gone();
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
  /* What outlives a program that ended by itself gets no other grace, nor does anything when we leave. */
  if (attempt.ended && attempt.kill_at == NEVER) attempt.kill_at = attempt.finished + REMAINS_WAIT;
  if (leaving) attempt.kill_at = 0;
  if (now < attempt.kill_at || now < attempt.hunt_again) return;
  if (attempt.hunting_since && now - attempt.hunting_since >= give_up) abandon(now);
  else hunt(now);
}

static int64_t earlier(int64_t left, int64_t right) { return left < right ? left : right; }

static int64_t kill_deadline(void) {
  if (!attempt.active || attempt.gone) return NEVER;
  int64_t kill_at = leaving ? 0 : attempt.kill_at;
  int64_t hunt_at = kill_at > attempt.hunt_again ? kill_at : attempt.hunt_again;
  return attempt.ended ? hunt_at : earlier(attempt.timeout_at, hunt_at);
}

/* ---- ends ---- */

static uint64_t microseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

enum { BLOCK = 512 }; /* of ru_inblock and ru_oublock, whatever the disks have */

static void count_end(pid_t pid, int status, const struct rusage *usage) {
  attempt.user_us += microseconds(usage->ru_utime);
  attempt.system_us += microseconds(usage->ru_stime);
  uint64_t peak = (uint64_t)usage->ru_maxrss * 1024; /* Linux counts it in KiB */
  if (peak > attempt.peak_bytes) attempt.peak_bytes = peak;
  attempt.read_bytes += (uint64_t)usage->ru_inblock * BLOCK;
  attempt.written_bytes += (uint64_t)usage->ru_oublock * BLOCK;
  attempt.switches += (uint64_t)usage->ru_nvcsw + (uint64_t)usage->ru_nivcsw;
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

/* Whether it is the program that has ended, and another is to take its place. */
static bool is_followed(pid_t pid) {
  return attempt.active && !attempt.ended && pid == attempt.pid && starts_waiting() > 0;
}

static void on_signals(void) {
  struct signalfd_siginfo info[8];
  bool child = false;
  ssize_t length = read(signals, info, sizeof info);
  for (ssize_t i = 0; i < length / (ssize_t)sizeof *info; i++) {
    if (info[i].ssi_signo == SIGTERM) leave(0);
    if (info[i].ssi_signo != SIGCHLD) continue;
    child = true;
    if (is_followed((pid_t)info[i].ssi_pid)) note_end_of(attempt.pid);
  }
  if (child && attempt.active && !attempt.gone && !reap()) mark_gone();
}

/* ---- output: read only when there is room, so that a slow reader slows the program ---- */

/* What is printed before the last stage begins comes from what puts up walls, and is kept in the pipe. */
static bool has_begun(void) {
  struct pollfd said = {.fd = attempt.report, .events = POLLIN};
  if (attempt.report < 0 || attempt.stage == BEGUN) return true;
  if (poll(&said, 1, 0) <= 0) attempt.stage = AWAITED;
  else attempt.stage = said.revents & POLLIN ? BEGUN : NEVER_BEGUN;
  return attempt.stage == BEGUN;
}

static ssize_t forward(int stream, size_t limit) {
  int kind = !has_begun() ? REPORT_WORDS : stream == 0 ? REPORT_STDOUT : REPORT_STDERR;
  return report_read(kind, output_of(stream), limit);
}

static void drain(int stream) {
  int held = attempt.held[stream] < OUTPUT_CHUNK ? attempt.held[stream] : OUTPUT_CHUNK;
  ssize_t length = held > 0 ? forward(stream, (size_t)held) : 0;
  attempt.held[stream] -= length > 0 ? (int)length : attempt.held[stream];
}

static void report_end(void) {
  unsigned char payload[76], *to = payload;
  bool exited = WIFEXITED(attempt.status);
  put(&to, attempt.id, 4);
  put(&to, exited ? 1 : 2, 1);
  put(&to, (attempt.timed_out ? 1 : 0) | (attempt.killed ? 2 : 0) | (attempt.abandoned ? 4 : 0), 1);
  put(&to, (uint64_t)(exited ? WEXITSTATUS(attempt.status) : WTERMSIG(attempt.status)), 2);
  put(&to, attempt.strays, 4);
  put(&to, (uint64_t)(attempt.finished - attempt.started) / 1000, 8);
  put(&to, attempt.user_us, 8);
  put(&to, attempt.system_us, 8);
  put(&to, attempt.peak_bytes, 8);
  put(&to, attempt.read_bytes, 8);
  put(&to, attempt.written_bytes, 8);
  put(&to, attempt.switches, 8);
  put(&to, (uint64_t)attempt.finished, 8);
  report(REPORT_ENDED, payload, sizeof payload);
  last_took = attempt.finished - attempt.started;
  if (attempt.status != 0 || attempt.killed) tell_at_once();
}

static void report_failure(uint32_t id, int error, enum stage stage) {
  unsigned char payload[9], *to = payload;
  put(&to, id, 4);
  put(&to, (uint64_t)error, 4);
  put(&to, stage, 1);
  report(REPORT_FAILED, payload, sizeof payload);
  tell_at_once();
}

/* False when the program never ran, and that is what is reported. */
static bool settle_walls(void) {
  if (attempt.report < 0) return true;
  struct walls_end end = read_walls_end(attempt.report, attempt.status);
  close(attempt.report);
  attempt.status = end.status;
  attempt.strays += end.strays;
  if (!end.failed || attempt.killed || attempt.timed_out) return true;
  if (!leaving) report_failure(attempt.id, end.error, end.stage);
  return false;
}

static void finish(void) {
  attempt.active = false;
  close_pipes(attempt.pipes);
  if (settle_walls() && !leaving) report_end();
}

/* Of a program that is gone: its last output, then its end. */
static void deliver(void) {
  drain(0), drain(1);
  if (attempt.held[0] + attempt.held[1] == 0) finish();
}

/* ---- requests ---- */

static void run(struct start *start) {
  memset(&attempt, 0, sizeof attempt);
  attempt.started = now_ns();
  attempt.id = start->id;
  find_cgroups(start->program.walls, &attempt.cgroups);
  attempt.guarded = walls_have(start->program.walls, 'g');
  start->program.mounts = lean_mounts(start->program.walls, attempt.started);
  attempt.pid = start_child(&start->program, attempt.pipes, &attempt.report);
  if (attempt.pid < 0) return report_failure(start->id, start->program.error, start->program.stage);
  attempt.active = true;
  attempt.grace_ms = start->grace_ms;
  attempt.tell_within = (int64_t)start->tell_within_ms * MS;
  attempt.timeout_at = start->timeout_ms ? attempt.started + (int64_t)start->timeout_ms * MS : NEVER;
  attempt.kill_at = NEVER;
}

static bool accept_kill(const unsigned char *payload, size_t length) {
  if (length != 12) return false;
  uint32_t id = (uint32_t)get(payload, 4);
  withdraw_start(id);
  if (!attempt.active || attempt.gone || attempt.id != id) return true;
  if (!attempt.ended) attempt.killed = true;
  begin_kill(get_ms(payload + 4), now_ns());
  return true;
}

static bool accept_withdrawal(const unsigned char *payload, size_t length) {
  if (length == 4) withdraw_start((uint32_t)get(payload, 4));
  return length == 4;
}

static bool accept_request(int kind, const unsigned char *payload, size_t length) {
  switch (kind) {
    case REQUEST_START:
      if (!add_start(payload, length)) return false;
      if (worn) withdraw_all_starts();
      return true;
    case REQUEST_KILL: return accept_kill(payload, length);
    case REQUEST_WITHDRAW: return accept_withdrawal(payload, length);
    default: return false;
  }
}

/* ---- the loop ---- */

/* Each step makes no more reports than there is room for: the outbox cannot overflow. */
static bool step(void) {
  uint32_t id;
  if (leaving && attempt.active && attempt.gone) finish();
  if (leaving || !reports_fit()) return false;
  if (drop_withdrawn(&id)) report_failure(id, ECANCELED, STAGE_WITHDRAWN);
  else if (attempt.active && attempt.gone) deliver();
  else if (!attempt.active && next_start()) run(next_start()), drop_start();
  else return false;
  return true;
}

/* A start that need not wait has begun before the next request is looked at. */
static void accept_requests(void) {
  int kind;
  unsigned char *payload;
  size_t length;
  enum next next;
  while (!leaving && (next = next_request(&kind, &payload, &length)) != NEXT_NONE) {
    if (next != NEXT_REQUEST || !accept_request(kind, payload, length)) return leave(EXIT_MALFORMED);
    drop_request();
    if (!attempt.active) step();
  }
}

/* While enough waits to run nobody is in a hurry, and the worker is woken once for several ends. */
static bool may_gather(int64_t now) {
  return now < reports_due && reports_fit() && !reports_blocked() && starts_waiting() * last_took > SUPPLY;
}

static void send_reports(int64_t now) {
  if (!reports_waiting()) reports_due = NEVER;
  else if (reports_due == NEVER) reports_due = now + attempt.tell_within;
  if (leaving || (reports_waiting() && may_gather(now))) return;
  if (!flush_reports()) leave(0);
  if (!reports_waiting()) reports_due = NEVER;
}

static void advance(void) {
  bool full;
  do {
    while (step()) continue;
    full = !reports_fit();
    send_reports(now_ns());
  } while (full && reports_fit());
}

static int64_t next_deadline(void) {
  return earlier(kill_deadline(), leaving || reports_blocked() ? NEVER : reports_due);
}

static void turn(void) {
  bool awaited = attempt.active && attempt.stage == AWAITED;
  bool listening = attempt.active && !leaving && reports_fit() && attempt.stage <= BEGUN;
  struct pollfd fds[] = {
      {.fd = signals, .events = POLLIN},
      {.fd = leaving || requests_full() ? -1 : 0, .events = POLLIN},
      {.fd = reports_blocked() && !leaving ? 1 : -1, .events = POLLOUT},
      {.fd = listening ? output_of(0) : -1, .events = POLLIN},
      {.fd = listening ? output_of(1) : -1, .events = POLLIN},
      {.fd = mount_changes(), .events = POLLPRI},
      {.fd = awaited ? attempt.report : -1, .events = POLLIN},
  };
  int64_t deadline = next_deadline(), now = now_ns(), left = deadline > now ? deadline - now : 0;
  struct timespec wait = {.tv_sec = left / (1000 * MS), .tv_nsec = left % (1000 * MS)};
  if (ppoll(fds, 7, deadline == NEVER ? NULL : &wait, NULL) < 0) return;
  if (fds[0].revents) on_signals();
  if (fds[5].revents) forget_mounts();
  if (fds[6].revents) has_begun();
  if (fds[3].revents && has_begun()) forward(0, OUTPUT_CHUNK);
  if (fds[4].revents && has_begun()) forward(1, OUTPUT_CHUNK);
  if (fds[1].revents && !read_requests()) leave(0);
  accept_requests();
  meet_deadlines(now_ns());
  advance();
  forget_end();
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
  if (argc > 1 && strcmp(argv[1], "inside") == 0) return inside(argv + 2, environ);
  if (argc > 1 && strcmp(argv[1], "events") == 0) return events(argv[2]);
  if (argc > 2 && strcmp(argv[1], "--give-up") == 0) give_up = atoi(argv[2]) * MS;
  static const unsigned char hello[] = {'W', 'N', 'D', 'R', VERSION, 0, 0, 0};
  set_up_descriptors();
  setsid(); /* Ctrl-C in the worker's terminal is the worker's business */
  if (!set_up_signals() || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return EXIT_UNABLE;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  prepare_children();
  report(REPORT_HELLO, hello, sizeof hello);
  advance();
  while (!leaving || attempt.active) turn();
  return leaving_status;
}
