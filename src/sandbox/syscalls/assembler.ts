/**
 * Classic BPF as seccomp(2) takes it: instructions with symbolic jumps become the kernel's
 * `struct sock_filter`, 8 bytes each: u16 code, u8 jump if true, u8 jump if false, u32 value
 * (linux/filter.h), in the byte order of the machine, which is little-endian on all of ours.
 */
const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_GREATER = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const JUMP_ANY_BIT = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

const TESTS = { equal: JUMP_EQUAL, greater: JUMP_GREATER, 'any-bit': JUMP_ANY_BIT } as const;
const INSTRUCTION_BYTES = 8;
/** The offset of a jump is one byte. */
const FARTHEST_JUMP = 255;

export type Instruction =
  /** Loads the 32-bit word at a byte offset of `struct seccomp_data`. */
  | { readonly load: number }
  /** Goes on at `goto` when the loaded word passes the test, else with the next instruction. */
  | {
      readonly when: keyof typeof TESTS;
      readonly value: number;
      readonly goto: string;
    }
  | { readonly label: string }
  /** Ends with this action. */
  | { readonly answer: number };

/** Throws a RangeError where a jump leads nowhere, backwards, or farther than 255 instructions. */
export function assemble(program: readonly Instruction[]): Buffer {
  const places = new Map<string, number>();
  let count = 0;
  for (const instruction of program) {
    if ('label' in instruction) places.set(instruction.label, count);
    else count++;
  }
  const bytes = Buffer.alloc(count * INSTRUCTION_BYTES);
  let at = 0;
  for (const instruction of program) {
    if ('label' in instruction) continue;
    write(bytes, at++, instruction, places);
  }
  return bytes;
}

function write(
  bytes: Buffer,
  at: number,
  instruction: Exclude<Instruction, { label: string }>,
  places: ReadonlyMap<string, number>,
): void {
  const offset = at * INSTRUCTION_BYTES;
  if ('load' in instruction) {
    bytes.writeUInt16LE(LOAD_WORD, offset);
    bytes.writeUInt32LE(instruction.load, offset + 4);
  } else if ('answer' in instruction) {
    bytes.writeUInt16LE(RETURN, offset);
    bytes.writeUInt32LE(instruction.answer, offset + 4);
  } else {
    bytes.writeUInt16LE(TESTS[instruction.when], offset);
    bytes[offset + 2] = jump(at, instruction.goto, places);
    bytes.writeUInt32LE(instruction.value >>> 0, offset + 4);
  }
}

function jump(from: number, label: string, places: ReadonlyMap<string, number>): number {
  const distance = (places.get(label) ?? -1) - from - 1;
  if (distance < 0 || distance > FARTHEST_JUMP) {
    throw new RangeError(`no jump from instruction ${from} to ${label}: ${distance}`);
  }
  return distance;
}
