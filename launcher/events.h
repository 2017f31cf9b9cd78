/*
 * `launcher events [BYTES]` follows the kernel's process connector and prints a line for each event, until
 * nobody reads any more or its parent ends:
 *
 *   watching             events come from now on
 *   fork PARENT CHILD    a process was forked; threads are left out
 *   exec PID NAME        NAME is that of the command, at most 15 bytes, without control characters
 *   exit PID STATUS      the first thread of a process has ended; others may live on
 *   lost COUNT           the kernel dropped so many events, 0: nobody knows how many
 *
 * The parent is the one that forked, also where it has ended before anybody could look. Needs
 * CAP_NET_ADMIN in the first network namespace and sees process numbers of the first PID namespace.
 */
#pragma once

/*
 * `receive_bytes` is the room that the kernel keeps for events, or NULL. Returns the exit status: 0,
 * or 1 with the reason on stderr.
 */
int events(const char *receive_bytes);
