/**
 * The system-call filter of programs with walls, as bytes for seccomp(2). What is not known is
 * refused: a number above the known ones does not exist (ENOSYS), as on an older kernel.
 */
import { constants } from 'node:os';
import { assemble, type Instruction } from './assembler.ts';
import { type Architecture, LAST_SYSCALL, LOOKED_INTO, refusedNumbers } from './refused.ts';

/** linux/audit.h */
const AUDIT_NUMBERS: Readonly<Record<Architecture, number>> = {
  x64: 0xc000003e,
  i386: 0x40000003,
  arm64: 0xc00000b7,
};

/** Which system-call tables programs of a machine may use. */
const TABLES: Readonly<Record<string, readonly Architecture[]>> = {
  x64: ['x64', 'i386'],
  arm64: ['arm64'],
};

// Offsets in struct seccomp_data (linux/seccomp.h); arguments are 64 bits, low half first.
const NUMBER = 0;
const ARCHITECTURE = 4;
const argument = (index: number) => 16 + 8 * index;

const ALLOW = 0x7fff0000; // SECCOMP_RET_ALLOW
const refuse = (errno: number) => 0x00050000 | errno; // SECCOMP_RET_ERRNO
const { EPERM, ENOSYS } = constants.errno;

/** CLONE_NEWNS, …NEWCGROUP, …NEWUTS, …NEWIPC, …NEWUSER, …NEWPID, …NEWNET (linux/sched.h). */
const NEW_NAMESPACES = 0x7e020000;
/** Talks past every network namespace to the machine's hypervisor (linux/socket.h). */
const AF_VSOCK = 40;
/** Puts characters into another's terminal input (asm-generic/ioctls.h, linux/tiocl.h). */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
/** Execution domains without an effect on security; the last one only asks (personality(2)). */
const PERSONALITIES = [0, 0x0008, 0x20000, 0x20008, 0xffffffff];

/** Null where Windrow knows no table for the machine (`process.arch`). */
export function syscallFilter(machine: string): Buffer | null {
  const tables = TABLES[machine];
  if (!tables) return null;
  const program: Instruction[] = [{ load: ARCHITECTURE }];
  for (const table of tables) {
    program.push({ when: 'equal', value: AUDIT_NUMBERS[table], goto: table });
  }
  program.push({ answer: refuse(ENOSYS) });
  for (const table of tables) program.push({ label: table }, ...sectionOf(table));
  return assemble(program);
}

type Jump = Extract<Instruction, { readonly when: string }>;

function sectionOf(table: Architecture): Instruction[] {
  const at = (name: string) => `${table} ${name}`;
  const { clone, clone3, socket, ioctl, personality } = LOOKED_INTO[table];
  const jump = (value: number, name: string): Jump => ({ when: 'equal', value, goto: at(name) });
  const jumps = [
    // Its flags lie in memory, out of a filter's sight; libraries fall back to clone.
    jump(clone3, 'unknown'),
    jump(clone, 'clone'),
    jump(socket, 'socket'),
    jump(ioctl, 'ioctl'),
    jump(personality, 'personality'),
    ...refusedNumbers(table).map((number) => jump(number, 'refused')),
  ];
  return [
    { load: NUMBER },
    { when: 'greater', value: LAST_SYSCALL, goto: at('unknown') },
    ...search(
      jumps.sort((left, right) => left.value - right.value),
      (value) => at(`above ${value}`),
    ),
    { label: at('clone') },
    { load: argument(0) },
    { when: 'any-bit', value: NEW_NAMESPACES, goto: at('refused') },
    { answer: ALLOW },
    { label: at('socket') },
    { load: argument(0) },
    jump(AF_VSOCK, 'refused'),
    { answer: ALLOW },
    { label: at('ioctl') },
    { load: argument(1) },
    jump(TIOCSTI, 'refused'),
    jump(TIOCLINUX, 'refused'),
    { answer: ALLOW },
    { label: at('personality') },
    { load: argument(0) },
    ...PERSONALITIES.map((value) => jump(value, 'allowed')),
    { label: at('refused') },
    { answer: refuse(EPERM) },
    { label: at('unknown') },
    { answer: refuse(ENOSYS) },
    { label: at('allowed') },
    { answer: ALLOW },
  ];
}

const COMPARED_ONE_BY_ONE = 3;

/**
 * Jumps of ascending numbers as a binary search; what is none of them is allowed. When a filter is
 * installed the kernel asks it about every call that there is, 900 of them, so one long row took five
 * times as long: 0.2 ms of each start.
 */
function search(jumps: readonly Jump[], labelAbove: (value: number) => string): Instruction[] {
  if (jumps.length <= COMPARED_ONE_BY_ONE) return [...jumps, { answer: ALLOW }];
  const middle = Math.floor(jumps.length / 2);
  const { value } = jumps[middle - 1]!;
  const label = labelAbove(value);
  return [
    { when: 'greater', value, goto: label },
    ...search(jumps.slice(0, middle), labelAbove),
    { label },
    ...search(jumps.slice(middle), labelAbove),
  ];
}
