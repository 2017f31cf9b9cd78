#include "exec.h"

#include <errno.h>
#include <limits.h>

#include "bare.h"

static int exec_path(const char *path, char **argv, char **environment) {
  return (int)-CALL(SYS_execve, path, argv, environment);
}

static const char *search_path(char **environment) {
  for (; *environment; environment++)
    if (begins_with(*environment, "PATH=", 5)) return *environment + 5;
  return "/usr/bin:/bin";
}

static size_t until_colon(const char *path) {
  size_t length = 0;
  while (path[length] && path[length] != ':') length++;
  return length;
}

/* `directory` has `length` characters; an empty element is the current directory. */
static bool put_together(char *candidate, const char *directory, size_t length, const char *name) {
  size_t name_length = length_of(name), at = 0;
  if (length + 1 + name_length >= PATH_MAX) return false;
  while (at < length) candidate[at] = directory[at], at++;
  if (length > 0) candidate[at++] = '/';
  for (size_t i = 0; i <= name_length; i++) candidate[at + i] = name[i];
  return true;
}

static int exec_on_path(const char *name, char **argv, char **environment) {
  int error = ENOENT;
  char candidate[PATH_MAX];
  if (*name == 0) return ENOENT;
  for (const char *directory = search_path(environment);; directory++) {
    size_t length = until_colon(directory);
    if (put_together(candidate, directory, length, name)) {
      int found = exec_path(candidate, argv, environment);
      if (found == EACCES) error = EACCES;
      else if (found != ENOENT && found != ENOTDIR && found != ELOOP) return found;
    }
    directory += length;
    if (*directory == 0) return error;
  }
}

int exec_file(const char *file, char **argv, char **environment) {
  for (const char *at = file; *at; at++)
    if (*at == '/') return exec_path(file, argv, environment);
  return exec_on_path(file, argv, environment);
}
