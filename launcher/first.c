/*
 * What runs before the C library gets ready: the last stage (inside.h) goes straight to its work. Each
 * start behind walls executes it, and the library asks the processor about its caches first, which on
 * a virtual machine takes ten times as long as all of the stage. Everything else goes on to `_start`.
 * Linked as the entry point where the build says LAST_STAGE_FIRST.
 */
#include "bare.h"
#include "inside.h"

#ifdef LAST_STAGE_FIRST

/* `stack` is that of a new process: the number of arguments, the arguments, NULL, the environment. */
__attribute__((used)) void begin_inside(long *stack) {
  char **argv = (char **)(stack + 1);
  if (*stack < 2 || !is_same(argv[1], "inside")) return;
  CALL(SYS_exit_group, inside(argv + 2, argv + *stack + 1));
}

/* The registers that `_start` is promised are put back: rdx or x0, what is to be called at exit. */
#if defined __x86_64__
__asm__(".text\n.globl begin\n.type begin, @function\nbegin:\n"
        "xor %ebp, %ebp\n"
        "push %rdx\n"
        "push %rdx\n"
        "lea 16(%rsp), %rdi\n"
        "call begin_inside\n"
        "pop %rdx\n"
        "pop %rdx\n"
        "jmp _start\n");
#elif defined __aarch64__
__asm__(".text\n.globl begin\n.type begin, %function\nbegin:\n"
        "stp x0, xzr, [sp, #-16]!\n"
        "add x0, sp, #16\n"
        "bl begin_inside\n"
        "ldp x0, xzr, [sp], #16\n"
        "b _start\n");
#endif

#endif
