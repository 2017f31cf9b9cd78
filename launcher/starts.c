#define _GNU_SOURCE
#include "starts.h"

#include <stdlib.h>
#include <string.h>

#include "frames.h"

static const uint64_t MS_LIMIT = 315360000000;

static struct {
  struct start *first, *last;
  int count, withdrawn;
} waiting;

uint64_t get_ms(const unsigned char *from) {
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

struct counts {
  size_t argc, envc, wallc;
};

static bool take_program(struct program *program, char *from, char *end, struct counts counts) {
  char *paths[3];
  bool sound = take(&from, end, paths, 3) && take(&from, end, program->argv, counts.argc) &&
               take(&from, end, program->environment, counts.envc) &&
               take(&from, end, program->walls, counts.wallc) && from == end;
  if (!sound) return false;
  program->directory = paths[0], program->input = paths[1], program->file = paths[2];
  return true;
}

static struct start *decode(const unsigned char *payload, size_t length) {
  enum { FIXED = 36, PATHS = 3 };
  if (length < FIXED) return NULL;
  struct counts n = {get(payload + 24, 4), get(payload + 28, 4), get(payload + 32, 4)};
  size_t text = length - FIXED;
  /* A string takes a byte at least: this bounds the counts before anything is allocated for them. */
  if (n.argc == 0 || PATHS + n.argc + n.envc + n.wallc > text) return NULL;
  size_t vectors = (n.argc + 1 + n.envc + 1 + n.wallc + 1) * sizeof(char *);
  struct start *start = calloc(1, sizeof *start + vectors + text);
  if (!start) return NULL;
  start->id = (uint32_t)get(payload, 4);
  start->bytes = length;
  start->timeout_ms = get_ms(payload + 4);
  start->grace_ms = get_ms(payload + 12);
  start->tell_within_ms = get(payload + 20, 4);
  start->program.argv = (char **)(start + 1);
  start->program.environment = start->program.argv + n.argc + 1;
  start->program.walls = start->program.environment + n.envc + 1;
  char *strings = (char *)(start + 1) + vectors;
  memcpy(strings, payload + FIXED, text);
  if (take_program(&start->program, strings, strings + text, n)) return start;
  free(start);
  return NULL;
}

bool add_start(const unsigned char *payload, size_t length) {
  struct start *start = waiting.count < MOST_WAITING ? decode(payload, length) : NULL;
  if (!start) return false;
  if (waiting.last) waiting.last->next = start;
  else waiting.first = start;
  waiting.last = start;
  waiting.count++;
  return true;
}

struct start *next_start(void) { return waiting.first; }

int starts_waiting(void) { return waiting.count; }

/* Unlinks what `at` points to: the place before it, or the head of the list. */
static void drop(struct start **at, struct start *before) {
  struct start *start = *at;
  bool large = start->bytes > LARGE_REQUEST;
  *at = start->next;
  if (waiting.last == start) waiting.last = before;
  waiting.count--;
  free(start);
  if (large) forget_peak();
}

void drop_start(void) { drop(&waiting.first, NULL); }

void withdraw_start(uint32_t id) {
  for (struct start *start = waiting.first; start; start = start->next)
    if (start->id == id && !start->withdrawn) start->withdrawn = true, waiting.withdrawn++;
}

void withdraw_all_starts(void) {
  for (struct start *start = waiting.first; start; start = start->next)
    if (!start->withdrawn) start->withdrawn = true, waiting.withdrawn++;
}

bool drop_withdrawn(uint32_t *id) {
  if (waiting.withdrawn == 0) return false;
  struct start **at = &waiting.first, *before = NULL;
  for (; !(*at)->withdrawn; at = &before->next) before = *at;
  *id = (*at)->id;
  drop(at, before);
  waiting.withdrawn--;
  return true;
}
