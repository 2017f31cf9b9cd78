/**
 * Names of platforms: `<os>-<arch>` as Node.js gives them (`linux-x64`), and what `uname -sm`
 * prints, with a blank, `+`, `_`, `-` or `/` between the two (`Linux x86_64`, `Linux+aarch64`).
 */

const SYSTEMS = new Map(
  Object.entries({
    linux: 'linux',
    darwin: 'darwin',
    macos: 'darwin',
    freebsd: 'freebsd',
    openbsd: 'openbsd',
    netbsd: 'netbsd',
    sunos: 'sunos',
    aix: 'aix',
    windows: 'win32',
    windows_nt: 'win32',
    win32: 'win32',
  }),
);

const MACHINES = new Map(
  Object.entries({
    x86_64: 'x64',
    'x86-64': 'x64',
    amd64: 'x64',
    x64: 'x64',
    aarch64: 'arm64',
    arm64: 'arm64',
    armv8l: 'arm',
    armv7l: 'arm',
    armv6l: 'arm',
    arm: 'arm',
    i386: 'ia32',
    i486: 'ia32',
    i586: 'ia32',
    i686: 'ia32',
    x86: 'ia32',
    ia32: 'ia32',
    ppc64le: 'ppc64',
    ppc64: 'ppc64',
    s390x: 's390x',
    riscv64: 'riscv64',
    loongarch64: 'loong64',
    loong64: 'loong64',
    mips: 'mips',
    mipsel: 'mipsel',
    mips64el: 'mips64el',
  }),
);

const MOST_CHARACTERS = 64;

/** The canonical name, or undefined for what names no system and machine that are known. */
export function knownPlatform(text: string): string | undefined {
  const name = plainName(text);
  for (let at = 1; at < name.length - 1; at++) {
    const system = SYSTEMS.get(name.slice(0, at));
    const machine = MACHINES.get(name.slice(at + 1));
    if (system && machine && /[ +_/-]/.test(name[at]!)) return `${system}-${machine}`;
  }
  return undefined;
}

/**
 * The canonical name. What is not known stays as it is, in lower case, cut to 64 characters of
 * `a-z 0-9 . _ -`, so that it can stand in a log, a file name or a table: sites may have builds
 * for machines nobody here has heard of.
 */
export function canonicalPlatform(text: string): string {
  const known = knownPlatform(text);
  return (
    known ??
    plainName(text)
      .replace(/[^a-z0-9._-]+/g, '-')
      .slice(0, MOST_CHARACTERS)
  );
}

function plainName(text: string): string {
  const plain = text
    .slice(0, 4 * MOST_CHARACTERS)
    .trim()
    .toLowerCase();
  // Cygwin and MSYS put the Windows version into the system's name.
  return plain.replace(/^(cygwin|msys|mingw\d*)_nt[^ +/]*/, 'win32');
}
