/** What a program file is for, told from its first bytes. */
export type ProgramKind =
  | { readonly kind: 'script' }
  /** `linux-x64` …; for ELF also used by other systems of the same machine. */
  | { readonly kind: 'elf'; readonly arch: string }
  | { readonly kind: 'other'; readonly description: string };

// e_machine of the ELF header (System V gABI), as Node.js names the architectures.
const ELF_MACHINES: Readonly<Record<number, string>> = {
  3: 'ia32',
  8: 'mips',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
};
const BIG_ENDIAN = 2;

export function programKind(head: Buffer): ProgramKind {
  if (head.length >= 20 && head.readUInt32BE(0) === 0x7f454c46) {
    const machine = head[5] === BIG_ENDIAN ? head.readUInt16BE(18) : head.readUInt16LE(18);
    return { kind: 'elf', arch: ELF_MACHINES[machine] ?? `machine ${machine}` };
  }
  if (head[0] === 0x23 && head[1] === 0x21) return { kind: 'script' };
  const magic = head.length >= 4 ? head.readUInt32BE(0) : 0;
  const machO = [0xcffaedfe, 0xcefaedfe, 0xfeedface, 0xfeedfacf, 0xcafebabe];
  if (machO.includes(magic)) return { kind: 'other', description: 'a program for macOS' };
  if (head[0] === 0x4d && head[1] === 0x5a) {
    return { kind: 'other', description: 'a program for Windows' };
  }
  return { kind: 'other', description: 'neither a program nor a script with a "#!" line' };
}

/** Why a file cannot be the program for a platform, or undefined when it can. */
export function platformMismatch(kind: ProgramKind, platform: string): string | undefined {
  if (kind.kind === 'script') return undefined;
  if (kind.kind === 'other') {
    // Only ELF systems are looked at closely.
    const foreign = platform.startsWith('darwin-') || platform.startsWith('win32-');
    return foreign ? undefined : kind.description;
  }
  const [os, arch] = platform.split('-');
  const suits = arch === kind.arch && os !== 'darwin' && os !== 'win32';
  return suits ? undefined : `a program for ${kind.arch} (ELF)`;
}
