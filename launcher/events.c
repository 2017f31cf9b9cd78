#define _GNU_SOURCE
#include "events.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for bursts: some 30,000 events. */
static const int RECEIVE_BYTES = 32 << 20;

/* The number of the next event of each CPU; a gap is a loss. */
static struct {
  uint32_t *next;
  bool *known;
  size_t count;
} cpus;

static int open_socket(int receive_bytes) {
  int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes);
  struct {
    struct nlmsghdr header;
    struct cn_msg message;
    enum proc_cn_mcast_op operation;
  } __attribute__((packed)) request = {
      .header = {.nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE},
      .message = {.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC}, .len = sizeof request.operation},
      .operation = PROC_CN_MCAST_LISTEN,
  };
  return send(fd, &request, sizeof request, 0) < 0 ? -1 : fd;
}

/* Events that never came, by the numbers that the kernel gives them for each CPU. */
static uint32_t missed_before(uint32_t cpu, uint32_t number) {
  if (cpu >= cpus.count) {
    size_t count = cpu + 64;
    uint32_t *next = realloc(cpus.next, count * sizeof *next);
    if (next) cpus.next = next;
    bool *known = realloc(cpus.known, count * sizeof *known);
    if (known) cpus.known = known;
    if (!next || !known) return 0;
    memset(cpus.known + cpus.count, 0, (count - cpus.count) * sizeof *known);
    cpus.count = count;
  }
  uint32_t missed = cpus.known[cpu] ? number - cpus.next[cpu] : 0;
  cpus.known[cpu] = true;
  cpus.next[cpu] = number + 1;
  return missed;
}

/* A name is the program's own to choose: no character of it may look like the end of a line. */
static void print_exec(int pid) {
  char path[32], name[32];
  snprintf(path, sizeof path, "/proc/%d/comm", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return; /* it has ended */
  ssize_t length = read(fd, name, sizeof name - 1);
  close(fd);
  if (length > 0 && name[length - 1] == '\n') length--;
  for (ssize_t i = 0; i < length; i++)
    if (iscntrl((unsigned char)name[i])) name[i] = '?';
  printf("exec %d %.*s\n", pid, (int)(length > 0 ? length : 0), name);
}

static void print_event(const struct proc_event *event) {
  if (event->what == PROC_EVENT_FORK) {
    const struct fork_proc_event *fork = &event->event_data.fork;
    if (fork->child_pid == fork->child_tgid) printf("fork %d %d\n", fork->parent_tgid, fork->child_pid);
  } else if (event->what == PROC_EVENT_EXEC) {
    print_exec(event->event_data.exec.process_tgid);
  } else if (event->what == PROC_EVENT_EXIT) {
    const struct exit_proc_event *exit = &event->event_data.exit;
    if (exit->process_pid == exit->process_tgid)
      printf("exit %d %u\n", exit->process_pid, exit->exit_code);
  }
}

/* One datagram; the kernel sends an event in each. */
static void take(const char *bytes, size_t length) {
  struct cn_msg message;
  struct proc_event event = {0};
  size_t begin = NLMSG_HDRLEN + sizeof message;
  if (length < begin) return;
  memcpy(&message, bytes + NLMSG_HDRLEN, sizeof message);
  size_t size = length - begin < sizeof event ? length - begin : sizeof event;
  memcpy(&event, bytes + begin, size);
  /* The answer to our own request is no event. */
  if (message.id.idx != CN_IDX_PROC || event.what == PROC_EVENT_NONE) return;
  uint32_t missed = missed_before(event.cpu, message.seq);
  if (missed > 0) printf("lost %u\n", missed);
  print_event(&event);
}

static int fail(const char *doing) {
  fprintf(stderr, "%s: %s\n", doing, strerror(errno));
  return 1;
}

int events(const char *receive_bytes) {
  static char line_buffer[1 << 16];
  setvbuf(stdout, line_buffer, _IOFBF, sizeof line_buffer);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  int fd = open_socket(receive_bytes ? atoi(receive_bytes) : RECEIVE_BYTES);
  if (fd < 0) return fail("listening to the process connector");
  puts("watching");
  for (;;) {
    alignas(struct nlmsghdr) char bytes[1024];
    struct sockaddr_nl from;
    socklen_t from_length = sizeof from;
    ssize_t length = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &from_length);
    if (length >= 0) {
      if (from.nl_pid == 0) take(bytes, (size_t)length); /* anybody could send to us; the kernel is 0 */
    } else if (errno == ENOBUFS) {
      puts("lost 0");
    } else if (errno == EAGAIN) {
      if (fflush(stdout) == EOF) return 0;
      struct pollfd wait = {.fd = fd, .events = POLLIN};
      poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return fail("reading from the process connector");
    }
  }
}
