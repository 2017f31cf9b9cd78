/* Both directions of the protocol as bytes: u32 length, u8 kind, payload; little-endian. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FRAME_HEADER = 5, OUTPUT_CHUNK = 65536 };

/* Reports that may gather before they have to be sent. */
enum { REPORTS_GATHER = 16384 };

/* More than Linux lets an argument vector and an environment be together (6 MiB). */
enum { REQUEST_LIMIT = 8 << 20 };

/* Memory of larger requests is given back at once. */
enum { LARGE_REQUEST = 1 << 20 };

uint64_t get(const unsigned char *from, int bytes);
void put(unsigned char **to, uint64_t value, int bytes);

/* ---- reports, descriptor 1 ---- */

/* There is room for a chunk of each output stream and one more report. */
bool reports_fit(void);

/* Appends a report. */
void report(int kind, const unsigned char *payload, size_t length);

/* Appends what one read of `fd` gives as a report; returns what read(2) returned. */
ssize_t report_read(int kind, int fd, size_t limit);

/* Writes what can be written without waiting; false when nobody can ever read it. */
bool flush_reports(void);

/* Any are left to be sent. */
bool reports_waiting(void);

/* The last flush found no room at the other end. */
bool reports_blocked(void);

/* ---- requests, descriptor 0 ---- */

/* Reads once without waiting; false at the end of the stream, or where it cannot be read. */
bool read_requests(void);

/* A whole request is surely held: no reading before it is dropped. */
bool requests_full(void);

enum next { NEXT_NONE, NEXT_REQUEST, NEXT_MALFORMED };

/* The oldest request; it stays valid, and the oldest, until `drop_request`. */
enum next next_request(int *kind, unsigned char **payload, size_t *length);
void drop_request(void);
