/*
 * clone3(2) for a process with a stack of its own, which the library does not offer. Defined where the
 * machine's assembly is known.
 */
#pragma once

#include <stddef.h>
#include <sys/syscall.h>

/*
 * The new process calls `run(with)`, which never returns, on the stack that `how` names; here the result
 * is what the kernel gives: its pid, or -errno.
 */
#if defined SYS_clone3 && defined __x86_64__ && !defined __ILP32__
#define HAVE_CLONE3
static inline long clone3_to(void *how, size_t size, void (*run)(void *), void *with) {
  register void (*r8)(void *) __asm__("r8") = run;
  register void *r9 __asm__("r9") = with;
  long result;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "mov %%r9, %%rdi\n\t"
                   "call *%%r8\n\t"
                   "hlt\n"
                   "1:"
                   : "=a"(result)
                   : "a"(SYS_clone3), "D"(how), "S"(size), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined SYS_clone3 && defined __aarch64__
#define HAVE_CLONE3
static inline long clone3_to(void *how, size_t size, void (*run)(void *), void *with) {
  register long x8 __asm__("x8") = SYS_clone3, x0 __asm__("x0") = (long)how;
  register size_t x1 __asm__("x1") = size;
  register void (*x2)(void *) __asm__("x2") = run;
  register void *x3 __asm__("x3") = with;
  __asm__ volatile("svc 0\n\t"
                   "cbnz x0, 1f\n\t"
                   "mov x29, xzr\n\t"
                   "mov x0, x3\n\t"
                   "blr x2\n\t"
                   "brk 1\n"
                   "1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3)
                   : "memory");
  return x0;
}
#endif
