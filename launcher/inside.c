#define _GNU_SOURCE
#include "inside.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

enum { MOST_GROUPS = 1024, MOST_LIMITS = 16 };

static struct {
  bool init, keys, no_privileges, filter, user;
  gid_t mark; /* 0: none */
  uid_t uid;
  gid_t groups[MOST_GROUPS]; /* the first is the account's own */
  size_t group_count;
  struct {
    int resource;
    struct rlimit limit;
  } limits[MOST_LIMITS];
  size_t limit_count;
} wish;

static const struct {
  const char *name;
  int resource;
} RESOURCES[] = {
    {"as", RLIMIT_AS},         {"core", RLIMIT_CORE},     {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},     {"fsize", RLIMIT_FSIZE},   {"memlock", RLIMIT_MEMLOCK},
    {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC},   {"stack", RLIMIT_STACK},
};

static void tell(enum inside_kind kind, uint32_t stage, uint32_t value, uint32_t strays) {
  struct inside_record record = {kind, stage, value, strays};
  ssize_t written = write(INSIDE_REPORT, &record, sizeof record);
  (void)written; /* nobody asked, as when it is run by hand */
}

__attribute__((noreturn)) static void fail(enum stage stage, int error) {
  tell(INSIDE_FAILED, stage, (uint32_t)error, 0);
  _exit(126);
}

/* ---- options ---- */

/* A number of at most 32 bits, followed by one of `ends`. */
static bool take_number(char **from, const char *ends, uint64_t *number) {
  char *end;
  if (!isdigit((unsigned char)**from)) return false;
  errno = 0;
  *number = strtoull(*from, &end, 10);
  if (errno || !strchr(ends, *end)) return false;
  *from = *end ? end + 1 : end;
  return true;
}

/* The id -1 means "unchanged" to the kernel, and 0 is root: neither is ever an account of a job. */
static bool take_id(char **from, const char *ends, uint32_t *id) {
  uint64_t number;
  if (!take_number(from, ends, &number) || number == 0 || number >= UINT32_MAX) return false;
  *id = (uint32_t)number;
  return true;
}

static bool take_user(char *text) {
  wish.user = true;
  if (!take_id(&text, ":", &wish.uid)) return false;
  while (wish.group_count < MOST_GROUPS) {
    if (!take_id(&text, ",", &wish.groups[wish.group_count++])) return false;
    if (*text == 0) return true;
  }
  return false;
}

static bool take_mark(char *text) { return take_id(&text, "", &wish.mark); }

static bool take_bound(char **from, const char *ends, rlim_t *bound) {
  static const char unlimited[] = "unlimited";
  size_t length = sizeof unlimited - 1;
  uint64_t number;
  if (strncmp(*from, unlimited, length) == 0 && strchr(ends, (*from)[length])) {
    *bound = RLIM_INFINITY;
    *from += length + ((*from)[length] != 0);
    return true;
  }
  if (!take_number(from, ends, &number)) return false;
  *bound = number;
  return true;
}

static bool take_limit(char *text) {
  if (wish.limit_count == MOST_LIMITS) return false;
  size_t length = strcspn(text, "=");
  for (size_t i = 0; i < sizeof RESOURCES / sizeof *RESOURCES; i++) {
    const char *name = RESOURCES[i].name;
    if (strlen(name) != length || strncmp(name, text, length) != 0) continue;
    char *bounds = text + length + 1;
    struct rlimit *limit = &wish.limits[wish.limit_count].limit;
    wish.limits[wish.limit_count++].resource = RESOURCES[i].resource;
    return text[length] && take_bound(&bounds, ":", &limit->rlim_cur) &&
           take_bound(&bounds, "", &limit->rlim_max);
  }
  return false;
}

/* The file and the argument vector that follow the options; NULL where an option is not known. */
static char **take_options(char **argv) {
  for (; *argv; argv++) {
    bool known = true;
    if (strcmp(*argv, "--") == 0) return argv[1] && argv[2] ? argv + 1 : NULL;
    if (strcmp(*argv, "--init") == 0) wish.init = true;
    else if (strcmp(*argv, "--keys") == 0) wish.keys = true;
    else if (strcmp(*argv, "--no-privileges") == 0) wish.no_privileges = true;
    else if (strcmp(*argv, "--filter") == 0) wish.filter = true;
    else if (strcmp(*argv, "--user") == 0 && argv[1]) known = take_user(*++argv);
    else if (strcmp(*argv, "--mark") == 0 && argv[1]) known = take_mark(*++argv);
    else if (strcmp(*argv, "--limit") == 0 && argv[1]) known = take_limit(*++argv);
    else known = false;
    if (!known) return NULL;
  }
  return NULL;
}

/* ---- giving privileges away: what fails must never be passed over ---- */

static void set_limits(void) {
  for (size_t i = 0; i < wish.limit_count; i++)
    if (setrlimit((__rlimit_resource_t)wish.limits[i].resource, &wish.limits[i].limit) < 0)
      fail(STAGE_LIMIT, errno);
}

/* A kernel without keyrings has none to be kept from. */
static void join_new_keyring(void) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
    fail(STAGE_KEYS, errno);
}

/* Needs CAP_SETPCAP. Without it nothing is in the set that could ever be had: see no_privileges. */
static void empty_bounding_set(void) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EPERM)
      fail(STAGE_PRIVILEGES, errno);
}

static void become_user(void) {
  uid_t real, effective, saved;
  gid_t group = wish.groups[0];
  /* Of a user namespace that denies it the only groups are those of the worker itself. */
  if (setgroups(wish.group_count - 1, wish.groups + 1) < 0) fail(STAGE_ACCOUNT, errno);
  if (setresgid(group, group, group) < 0) fail(STAGE_ACCOUNT, errno);
  if (setresuid(wish.uid, wish.uid, wish.uid) < 0) fail(STAGE_ACCOUNT, errno);
  if (getresuid(&real, &effective, &saved) < 0 || real != wish.uid || effective != wish.uid ||
      saved != wish.uid)
    fail(STAGE_ACCOUNT, EPERM);
}

/* Beside the groups that it has: only who may change its groups could drop it. */
static void take_group_as_mark(void) {
  gid_t groups[MOST_GROUPS];
  int count = getgroups(MOST_GROUPS - 1, groups);
  if (count < 0) fail(STAGE_ACCOUNT, errno);
  groups[count] = wish.mark;
  if (setgroups((size_t)count + 1, groups) < 0) fail(STAGE_ACCOUNT, errno);
}

static void no_privileges(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall(SYS_capset, &header, data) < 0) fail(STAGE_PRIVILEGES, errno);
  if (syscall(SYS_capget, &header, data) < 0) fail(STAGE_PRIVILEGES, errno);
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
    if (data[i].effective | data[i].permitted | data[i].inheritable) fail(STAGE_PRIVILEGES, EPERM);
  /* From here on no exec gains anything: set-user-ID files and file capabilities have no effect. */
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail(STAGE_PRIVILEGES, errno);
}

static struct sock_filter filter[BPF_MAXINSNS];

static void set_filter(void) {
  ssize_t length = read(INSIDE_FILTER, filter, sizeof filter);
  if (length <= 0 || (size_t)length % sizeof *filter) fail(STAGE_FILTER, length < 0 ? errno : EINVAL);
  struct sock_fprog program = {(unsigned short)((size_t)length / sizeof *filter), filter};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) fail(STAGE_FILTER, errno);
}

__attribute__((noreturn)) static void become_program(char **program, char **environment) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  set_limits();
  if (wish.keys) join_new_keyring();
  if (wish.no_privileges) empty_bounding_set();
  if (wish.mark) take_group_as_mark();
  if (wish.user) become_user();
  if (wish.no_privileges) no_privileges();
  if (wish.filter) set_filter();
  close_range(INSIDE_FILTER, ~0U, 0);
  struct program exec = {.file = program[0], .argv = program + 1, .environment = environment};
  fail(STAGE_EXEC, exec_program(&exec));
}

/* ---- the first process of a PID namespace ---- */

/*
 * Default dispositions make it immune to every signal from within. When the program has ended,
 * everything else is killed and reaped here, so that it can be counted; were this process itself
 * killed, the kernel would do the killing.
 */
static int stay(pid_t program) {
  int status, end = 0;
  uint32_t strays = 0;
  bool ended = false;
  for (;;) {
    pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) break;
    if (ended && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) strays++;
    if (pid != program) continue;
    ended = true;
    end = status;
    kill(-1, SIGKILL);
  }
  tell(INSIDE_ENDED, 0, (uint32_t)end, strays);
  return 0;
}

int inside(char **argv) {
  char **program = take_options(argv);
  fcntl(INSIDE_REPORT, F_SETFD, FD_CLOEXEC);
  if (!program) fail(STAGE_OPTIONS, EINVAL);
  /* What it kills at the end is all that it can see: outside of a PID namespace, the machine. */
  if (wish.init && getpid() != 1) fail(STAGE_OPTIONS, EPERM);
  tell(INSIDE_BEGUN, wish.init, 0, 0);
  if (!wish.init) become_program(program, environ);
  /* The program may have this process's user: it is not to be traced or read through /proc. */
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  /* It would only wait meanwhile: sharing memory spares the copy of its page tables. */
  pid_t pid = vfork();
  if (pid < 0) fail(STAGE_PROCESS, errno);
  if (pid == 0) become_program(program, environ);
  for (int fd = 0; fd <= INSIDE_FILTER; fd++)
    if (fd != INSIDE_REPORT) close(fd);
  return stay(pid);
}
