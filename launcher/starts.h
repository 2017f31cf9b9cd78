/* Start requests: decoded, and kept in order until each one's turn comes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "child.h"

enum { MOST_WAITING = 64 };

struct start {
  struct start *next;
  uint32_t id;
  size_t bytes; /* of the request */
  bool withdrawn;
  uint64_t timeout_ms, grace_ms, tell_within_ms;
  struct program program; /* all it points to lies in the same allocation */
};

/* Decodes a start and puts it last; false where it is malformed or one too many. */
bool add_start(const unsigned char *payload, size_t length);

/* The oldest start, NULL where none waits; it stays valid, and the oldest, until `drop_start`. */
struct start *next_start(void);
void drop_start(void);

int starts_waiting(void);

/* Marks the waiting start of that number; a number that nobody waits under is ignored. */
void withdraw_start(uint32_t id);

void withdraw_all_starts(void);

/* Drops a start that was so marked; false where there is none. */
bool drop_withdrawn(uint32_t *id);

/* Milliseconds of a request, cut to ten years so that deadlines in nanoseconds cannot overflow. */
uint64_t get_ms(const unsigned char *from);
