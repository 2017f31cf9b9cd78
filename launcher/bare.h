/*
 * System calls without the C library, for what runs before the library is ready (first.c) or between fork
 * and exec. Each returns what the kernel does: the result, or -errno. Sources that include this call
 * nothing of the library, nor rely on what it would set up: errno, thread-local storage, stack protection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

#if defined __x86_64__ && !defined __ILP32__
static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined __aarch64__
static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
}
#else /* there the library is always ready: first.c is not for this machine */
#include <errno.h>
#include <unistd.h>
static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
  long result = syscall(number, a, b, c, d, e, f);
  return result < 0 ? -errno : result;
}
#define CALL_FORK() (long)fork()
#endif

/* Up to five arguments; those that are left out are 0. */
#define CALL(...) CALL_OF(__VA_ARGS__, 0, 0, 0, 0, 0)
#define CALL_OF(number, a, b, c, d, e, ...) \
  call6((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

#ifndef CALL_FORK
#include <signal.h>
#define CALL_FORK() CALL(SYS_clone, SIGCHLD)
#endif

/* Where numbers of accounts once had 16 bits, those of today have calls of their own. */
#ifdef SYS_setgroups32
#define CALL_OF_ACCOUNT(name) SYS_##name##32
#else
#define CALL_OF_ACCOUNT(name) SYS_##name
#endif

static inline size_t length_of(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

static inline bool begins_with(const char *text, const char *beginning, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] != beginning[i]) return false;
  return true;
}

static inline bool is_same(const char *one, const char *other) {
  return begins_with(one, other, length_of(other) + 1);
}
