#define _GNU_SOURCE
#include "mounts.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Making it anew takes as long as it saves in three starts. */
static const int64_t MADE_AT_MOST_EVERY = 1000000000;
enum { PLACES_LENGTH = 1024, MOST_STACKED = 16 };

static struct {
  int mounts, changes; /* -1: not kept */
  char places[PLACES_LENGTH]; /* as they were asked for, one after the other */
  int64_t made;
} kept = {.mounts = -1, .changes = -1};

/* False where there are none, or too many. */
static bool gather_places(char **walls, char *places) {
  size_t length = 0;
  for (; *walls; walls++) {
    size_t more = strlen(*walls);
    if (**walls != 'm') continue;
    if (length + more + 1 > PLACES_LENGTH) return false;
    memcpy(places + length, *walls + 1, more);
    length += more;
  }
  memset(places + length, 0, PLACES_LENGTH - length);
  return length > 0;
}

static bool is_same_file(const struct stat *one, const struct stat *other) {
  return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/*
 * In a process that has the launcher's memory and descriptors, but file systems of its own. First of all
 * what is unmounted here must stay mounted there. Entering it leads to its topmost root: a launcher
 * whose root is another directory does without.
 */
static int make(void *places) {
  struct stat before, after;
  if (stat("/", &before) < 0 || unshare(CLONE_NEWNS) < 0) _exit(1);
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) _exit(1);
  for (const char *place = places; *place; place += strlen(place) + 1)
    for (int at = 0; at < MOST_STACKED; at++)
      if (umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) break;
  int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  bool fit = mounts >= 0 && setns(mounts, CLONE_NEWNS) == 0 && stat("/", &after) == 0 &&
             is_same_file(&before, &after);
  if (fit) kept.mounts = mounts;
  else if (mounts >= 0) close(mounts);
  _exit(0);
}

static void make_anew(void) {
  static unsigned char stack[65536] __attribute__((aligned(16)));
  kept.changes = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (kept.changes < 0) return;
  pid_t maker = clone(make, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, kept.places);
  if (maker > 0) waitpid(maker, NULL, 0);
  if (kept.mounts < 0) forget_mounts();
}

int mount_changes(void) { return kept.changes; }

void forget_mounts(void) {
  if (kept.mounts >= 0) close(kept.mounts);
  if (kept.changes >= 0) close(kept.changes);
  kept.mounts = kept.changes = -1;
}

static bool have_changed(void) {
  struct pollfd changes = {.fd = kept.changes, .events = POLLPRI};
  return poll(&changes, 1, 0) != 0;
}

int lean_mounts(char **walls, int64_t now) {
  char places[PLACES_LENGTH];
  if (!gather_places(walls, places)) return -1;
  bool same = memcmp(places, kept.places, PLACES_LENGTH) == 0;
  if (kept.mounts >= 0 && (!same || have_changed())) forget_mounts();
  if (kept.mounts >= 0) return kept.mounts;
  if (same && kept.made != 0 && now - kept.made < MADE_AT_MOST_EVERY) return -1;
  memcpy(kept.places, places, PLACES_LENGTH);
  kept.made = now;
  make_anew();
  return kept.mounts;
}
