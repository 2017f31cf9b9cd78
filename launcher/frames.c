#define _GNU_SOURCE
#include "frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"

static struct {
  unsigned char bytes[REPORTS_GATHER + 2 * (FRAME_HEADER + OUTPUT_CHUNK) + 128];
  size_t length, sent;
  bool blocked;
} outbox;

/* Requests are consumed from `begin`; the rest moves to the front before the next read. */
static struct {
  unsigned char *bytes;
  size_t begin, end, capacity;
} inbox;

uint64_t get(const unsigned char *from, int bytes) {
  uint64_t value = 0;
  while (bytes-- > 0) value = value << 8 | from[bytes];
  return value;
}

void put(unsigned char **to, uint64_t value, int bytes) {
  for (; bytes-- > 0; value >>= 8) *(*to)++ = (unsigned char)value;
}

static void close_frame(unsigned char *header, int kind, size_t length) {
  put(&header, length, 4);
  put(&header, (uint64_t)kind, 1);
  outbox.length += FRAME_HEADER + length;
}

void report(int kind, const unsigned char *payload, size_t length) {
  if (outbox.length + FRAME_HEADER + length > sizeof outbox.bytes) abort();
  unsigned char *header = outbox.bytes + outbox.length;
  memcpy(header + FRAME_HEADER, payload, length);
  close_frame(header, kind, length);
}

ssize_t report_read(int kind, int fd, size_t limit) {
  unsigned char *header = outbox.bytes + outbox.length;
  if (outbox.length + FRAME_HEADER + limit > sizeof outbox.bytes) abort();
  ssize_t length = read(fd, header + FRAME_HEADER, limit);
  if (length > 0) close_frame(header, kind, (size_t)length);
  return length;
}

bool flush_reports(void) {
  while (outbox.sent < outbox.length) {
    ssize_t sent = write(1, outbox.bytes + outbox.sent, outbox.length - outbox.sent);
    outbox.blocked = sent < 0 && errno == EAGAIN;
    if (outbox.blocked) return true;
    if (sent < 0 && errno != EINTR) return false;
    if (sent > 0) outbox.sent += (size_t)sent;
  }
  outbox.length = outbox.sent = 0;
  return true;
}

bool reports_waiting(void) { return outbox.length > 0; }

bool reports_blocked(void) { return outbox.blocked; }

bool reports_fit(void) { return outbox.length <= REPORTS_GATHER; }

/* A rare large request is given back: programs start out in our memory, and are told its size. */
static void release_inbox(void) {
  free(inbox.bytes);
  memset(&inbox, 0, sizeof inbox);
  forget_peak();
}

static bool make_room(void) {
  inbox.end -= inbox.begin;
  if (inbox.begin > 0) memmove(inbox.bytes, inbox.bytes + inbox.begin, inbox.end);
  inbox.begin = 0;
  if (inbox.capacity - inbox.end >= OUTPUT_CHUNK) return true;
  size_t capacity = inbox.capacity * 2 + OUTPUT_CHUNK;
  unsigned char *bytes = realloc(inbox.bytes, capacity);
  if (!bytes) return false;
  inbox.bytes = bytes;
  inbox.capacity = capacity;
  return true;
}

bool read_requests(void) {
  if (!make_room()) return false;
  ssize_t length = read(0, inbox.bytes + inbox.end, inbox.capacity - inbox.end);
  if (length > 0) inbox.end += (size_t)length;
  return length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR));
}

bool requests_full(void) { return inbox.end - inbox.begin >= FRAME_HEADER + REQUEST_LIMIT; }

enum next next_request(int *kind, unsigned char **payload, size_t *length) {
  unsigned char *frame = inbox.bytes + inbox.begin;
  size_t held = inbox.end - inbox.begin;
  if (held < FRAME_HEADER) return NEXT_NONE;
  *length = get(frame, 4);
  if (*length > REQUEST_LIMIT) return NEXT_MALFORMED;
  if (held < FRAME_HEADER + *length) return NEXT_NONE;
  *kind = frame[4];
  *payload = frame + FRAME_HEADER;
  return NEXT_REQUEST;
}

void drop_request(void) {
  inbox.begin += FRAME_HEADER + get(inbox.bytes + inbox.begin, 4);
  if (inbox.begin == inbox.end && inbox.capacity > LARGE_REQUEST) release_inbox();
}
