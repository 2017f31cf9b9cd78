#define _GNU_SOURCE
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bare.h"
#include "child.h"
#include "exec.h"

enum { MOST_GROUPS = 1024, MOST_LIMITS = 16, MOST_PLACES = 1024 };

static struct {
  bool init, keys, no_privileges, filter, user;
  gid_t mark; /* 0: none */
  uid_t uid;
  gid_t groups[MOST_GROUPS]; /* the first is the account's own */
  size_t group_count;
  struct {
    int resource;
    struct limit {
      uint64_t soft, hard;
    } limit; /* as prlimit(2) takes it, also where `rlim_t` has 32 bits */
  } limits[MOST_LIMITS];
  size_t limit_count;
  struct place {
    uint64_t major, minor, inode;
    const char *path;
    bool starts;
  } places[MOST_PLACES];
  size_t place_count;
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
  CALL(SYS_write, INSIDE_REPORT, &record, sizeof record); /* by hand nobody may have asked */
}

__attribute__((noreturn)) static void leave(int status) {
  for (;;) CALL(SYS_exit_group, status);
}

__attribute__((noreturn)) static void fail(enum stage stage, long error) {
  tell(INSIDE_FAILED, stage, (uint32_t)error, 0);
  leave(126);
}

/* `result` of a system call: -errno is a failure. */
static long must(long result, enum stage stage) {
  if (result < 0) fail(stage, -result);
  return result;
}

/* ---- options ---- */

/* The character is one of `ends`, or the end of all. */
static bool is_end(char character, const char *ends) {
  for (; *ends; ends++)
    if (character == *ends) return true;
  return character == 0;
}

/* A decimal number, followed by one of `ends`. */
static bool take_number(char **from, const char *ends, uint64_t *number) {
  char *at = *from;
  *number = 0;
  for (; *at >= '0' && *at <= '9'; at++) {
    uint64_t digit = (uint64_t)(*at - '0');
    if (*number > (UINT64_MAX - digit) / 10) return false;
    *number = *number * 10 + digit;
  }
  if (at == *from || !is_end(*at, ends)) return false;
  *from = *at ? at + 1 : at;
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

static bool take_bound(char **from, const char *ends, uint64_t *bound) {
  static const char unlimited[] = "unlimited";
  size_t length = sizeof unlimited - 1;
  if (begins_with(*from, unlimited, length) && is_end((*from)[length], ends)) {
    *bound = UINT64_MAX;
    *from += length + ((*from)[length] != 0);
    return true;
  }
  return take_number(from, ends, bound);
}

static bool take_limit(char *text) {
  if (wish.limit_count == MOST_LIMITS) return false;
  size_t length = 0;
  while (text[length] && text[length] != '=') length++;
  for (size_t i = 0; i < sizeof RESOURCES / sizeof *RESOURCES; i++) {
    const char *name = RESOURCES[i].name;
    if (length_of(name) != length || !begins_with(text, name, length)) continue;
    char *bounds = text + length + 1;
    struct limit *limit = &wish.limits[wish.limit_count].limit;
    wish.limits[wish.limit_count++].resource = RESOURCES[i].resource;
    return text[length] && take_bound(&bounds, ":", &limit->soft) &&
           take_bound(&bounds, "", &limit->hard);
  }
  return false;
}

static bool take_place(char *text, bool starts) {
  if (wish.place_count == MOST_PLACES) return false;
  struct place *place = &wish.places[wish.place_count++];
  bool sound = take_number(&text, ":", &place->major) && take_number(&text, ":", &place->minor) &&
               take_number(&text, ":", &place->inode);
  place->path = text;
  place->starts = starts;
  return sound && *text == '/';
}

/* The file and the argument vector that follow the options; NULL where an option is not known. */
static char **take_options(char **argv) {
  for (; *argv; argv++) {
    bool known = true;
    if (is_same(*argv, "--")) return argv[1] && argv[2] ? argv + 1 : NULL;
    if (is_same(*argv, "--init")) wish.init = true;
    else if (is_same(*argv, "--keys")) wish.keys = true;
    else if (is_same(*argv, "--no-privileges")) wish.no_privileges = true;
    else if (is_same(*argv, "--filter")) wish.filter = true;
    else if (is_same(*argv, "--user") && argv[1]) known = take_user(*++argv);
    else if (is_same(*argv, "--mark") && argv[1]) known = take_mark(*++argv);
    else if (is_same(*argv, "--place") && argv[1]) known = take_place(*++argv, false);
    else if (is_same(*argv, "--directory") && argv[1]) known = take_place(*++argv, true);
    else if (is_same(*argv, "--limit") && argv[1]) known = take_limit(*++argv);
    else known = false;
    if (!known) return NULL;
  }
  return NULL;
}

/* ---- what was mounted ---- */

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif

/* Without openat2 (Linux 5.6) links on the way are followed: then they lead to what is looked for, or not. */
static long open_place(const char *path) {
#if defined SYS_openat2 && defined RESOLVE_NO_SYMLINKS
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  long fd = CALL(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (fd != -ENOSYS) return fd;
#endif
  return CALL(SYS_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/*
 * bubblewrap goes by paths. Whoever may write on the way to a directory could put a link there after it was
 * looked at, and root would mount what the link says. It has mounted as many directories as there are
 * places: where each place has the right one, and that one mounted, none was mounted elsewhere.
 */
static void check_place(const struct place *place) {
  static struct statx found;
  long fd = must(open_place(place->path), STAGE_PLACE);
  must(CALL(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_INO, &found), STAGE_PLACE);
  if (found.stx_dev_major != place->major || found.stx_dev_minor != place->minor) fail(STAGE_PLACE, ESTALE);
  if (found.stx_ino != place->inode) fail(STAGE_PLACE, ESTALE);
  bool tells = found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT; /* Linux 5.8 */
  if (tells && !(found.stx_attributes & STATX_ATTR_MOUNT_ROOT)) fail(STAGE_PLACE, ESTALE);
  if (place->starts) must(CALL(SYS_fchdir, fd), STAGE_PLACE);
  CALL(SYS_close, fd);
}

/* ---- giving privileges away: what fails must never be passed over ---- */

static void set_limits(void) {
  for (size_t i = 0; i < wish.limit_count; i++)
    must(CALL(SYS_prlimit64, 0, wish.limits[i].resource, &wish.limits[i].limit), STAGE_LIMIT);
}

/* A kernel without keyrings has none to be kept from. */
static void join_new_keyring(void) {
  long result = CALL(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
  if (result != -ENOSYS) must(result, STAGE_KEYS);
}

/* Needs CAP_SETPCAP. Without it nothing is in the set that could ever be had: see no_privileges. */
static void empty_bounding_set(void) {
  for (int capability = 0; CALL(SYS_prctl, PR_CAPBSET_READ, capability) >= 0; capability++) {
    long result = CALL(SYS_prctl, PR_CAPBSET_DROP, capability);
    if (result == -EPERM) return;
    must(result, STAGE_PRIVILEGES);
  }
}

static void become_user(void) {
  uid_t real, effective, saved;
  gid_t group = wish.groups[0];
  /* Of a user namespace that denies it the only groups are those of the worker itself. */
  must(CALL(CALL_OF_ACCOUNT(setgroups), wish.group_count - 1, wish.groups + 1), STAGE_ACCOUNT);
  must(CALL(CALL_OF_ACCOUNT(setresgid), group, group, group), STAGE_ACCOUNT);
  must(CALL(CALL_OF_ACCOUNT(setresuid), wish.uid, wish.uid, wish.uid), STAGE_ACCOUNT);
  must(CALL(CALL_OF_ACCOUNT(getresuid), &real, &effective, &saved), STAGE_ACCOUNT);
  if (real != wish.uid || effective != wish.uid || saved != wish.uid) fail(STAGE_ACCOUNT, EPERM);
}

/* Beside the groups that it has: only who may change its groups could drop it. */
static void take_group_as_mark(void) {
  gid_t groups[MOST_GROUPS];
  long count = must(CALL(CALL_OF_ACCOUNT(getgroups), MOST_GROUPS - 1, groups), STAGE_ACCOUNT);
  groups[count] = wish.mark;
  must(CALL(CALL_OF_ACCOUNT(setgroups), count + 1, groups), STAGE_ACCOUNT);
}

static void no_privileges(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
  CALL(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  must(CALL(SYS_capset, &header, data), STAGE_PRIVILEGES);
  must(CALL(SYS_capget, &header, data), STAGE_PRIVILEGES);
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
    if (data[i].effective | data[i].permitted | data[i].inheritable) fail(STAGE_PRIVILEGES, EPERM);
  /* From here on no exec gains anything: set-user-ID files and file capabilities have no effect. */
  must(CALL(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1), STAGE_PRIVILEGES);
}

static struct sock_filter filter[BPF_MAXINSNS];

static void set_filter(void) {
  size_t length = (size_t)must(CALL(SYS_read, INSIDE_FILTER, filter, sizeof filter), STAGE_FILTER);
  if (length == 0 || length % sizeof *filter) fail(STAGE_FILTER, EINVAL);
  struct sock_fprog program = {(unsigned short)(length / sizeof *filter), filter};
  must(CALL(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), STAGE_FILTER);
}

__attribute__((noreturn)) static void become_program(char **program, char **environment) {
  uint64_t none = 0; /* the kernel's signal sets have 8 bytes */
  CALL(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
  CALL(SYS_setsid);
  set_limits();
  if (wish.keys) join_new_keyring();
  if (wish.no_privileges) empty_bounding_set();
  if (wish.mark) take_group_as_mark();
  if (wish.user) become_user();
  if (wish.no_privileges) no_privileges();
  if (wish.filter) set_filter();
  CALL(SYS_close_range, INSIDE_FILTER, ~0U);
  fail(STAGE_EXEC, exec_file(program[0], program + 1, environment));
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
    long pid = CALL(SYS_wait4, -1, &status, __WALL);
    if (pid == -EINTR) continue;
    if (pid < 0) break;
    if (ended && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) strays++;
    if (pid != program) continue;
    ended = true;
    end = status;
    CALL(SYS_kill, -1, SIGKILL);
  }
  tell(INSIDE_ENDED, 0, (uint32_t)end, strays);
  return 0;
}

int inside(char **argv, char **environment) {
  char **program = take_options(argv);
  CALL(SYS_fcntl, INSIDE_REPORT, F_SETFD, FD_CLOEXEC);
  if (!program) fail(STAGE_OPTIONS, EINVAL);
  /* What it kills at the end is all that it can see: outside of a PID namespace, the machine. */
  if (wish.init && CALL(SYS_getpid) != 1) fail(STAGE_OPTIONS, EPERM);
  for (size_t i = 0; i < wish.place_count; i++) check_place(&wish.places[i]);
  tell(INSIDE_BEGUN, wish.init, 0, 0);
  if (!wish.init) become_program(program, environment);
  /* The program may have this process's user: it is not to be traced or read through /proc. */
  CALL(SYS_prctl, PR_SET_DUMPABLE, 0);
  long pid = must(CALL_FORK(), STAGE_PROCESS);
  if (pid == 0) become_program(program, environment);
  for (int fd = 0; fd <= INSIDE_FILTER; fd++)
    if (fd != INSIDE_REPORT) CALL(SYS_close, fd);
  return stay((pid_t)pid);
}
