import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assemble, type Instruction } from './assembler.ts';
import { syscallFilter } from './filter.ts';
import { LAST_SYSCALL, refusedNumbers } from './refused.ts';

type Call = { arch: number; number: number; args?: bigint[] };

function judge(filter: Buffer, call: Call): number {
  return walk(filter, call).answer;
}

/** What the kernel would do: classic BPF as far as the filter uses it. */
function walk(filter: Buffer, call: Call): { answer: number; steps: number } {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.arch, 4);
  for (const [index, value] of (call.args ?? []).entries()) {
    data.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index);
  }
  let loaded = 0;
  for (let at = 0, steps = 1; ; at++, steps++) {
    const code = filter.readUInt16LE(at * 8);
    const value = filter.readUInt32LE(at * 8 + 4);
    const jump = filter[at * 8 + 2]!;
    if (code === 0x06) return { answer: value, steps };
    if (code === 0x20) loaded = data.readUInt32LE(value);
    else if (code === 0x15) at += loaded === value ? jump : 0;
    else if (code === 0x25) at += loaded > value ? jump : 0;
    else if (code === 0x45) at += (loaded & value) !== 0 ? jump : 0;
    else assert.fail(`instruction ${code} at ${at}`);
  }
}

const X64 = 0xc000003e;
const I386 = 0x40000003;
const ARM64 = 0xc00000b7;
const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;

describe('the system-call filter', () => {
  const x64 = syscallFilter('x64')!;
  const arm64 = syscallFilter('arm64')!;

  it('refuses exactly the listed calls of each table and knows none above the last', () => {
    for (const [filter, arch, table] of [
      [x64, X64, 'x64'],
      [x64, I386, 'i386'],
      [arm64, ARM64, 'arm64'],
    ] as const) {
      const refused = new Set(refusedNumbers(table));
      for (let number = 0; number <= LAST_SYSCALL; number++) {
        const expected = number === 435 ? ENOSYS : refused.has(number) ? EPERM : ALLOW;
        assert.equal(
          judge(filter, { arch, number, args: [0n, 0n] }),
          expected,
          `${table} ${number}`,
        );
      }
      for (const number of [LAST_SYSCALL + 1, 0x40000000, 0xffffffff]) {
        assert.equal(judge(filter, { arch, number }), ENOSYS);
      }
    }
  });

  it('has decided about any call after a dozen steps, for it is asked about each when it is installed', () => {
    for (let number = 0; number <= LAST_SYSCALL; number++) {
      for (const arch of [X64, I386]) {
        const { steps } = walk(x64, { arch, number, args: [0n, 0n] });
        assert.ok(steps <= 20, `${number}: ${steps} steps`);
      }
    }
  });

  it('knows the numbers of this machine’s own headers by name', () => {
    assert.ok(refusedNumbers('x64').includes(165) && refusedNumbers('arm64').includes(40), 'mount');
    assert.ok(refusedNumbers('x64').includes(246) && refusedNumbers('i386').includes(283), 'kexec');
  });

  it('refuses new namespaces, whatever else clone is asked for', () => {
    const clone = (flags: bigint) => judge(x64, { arch: X64, number: 56, args: [flags] });
    assert.equal(clone(0x01200011n), ALLOW);
    for (const flag of [0x00020000n, 0x02000000n, 0x04000000n, 0x08000000n, 0x10000000n]) {
      assert.equal(clone(0x11n | flag), EPERM);
    }
    assert.equal(clone(0x20000000n), EPERM);
    assert.equal(clone(0x40000000n), EPERM);
  });

  it('refuses the ways to other people’s terminals and to the hypervisor', () => {
    const ioctl = (request: bigint) => judge(x64, { arch: X64, number: 16, args: [0n, request] });
    assert.equal(ioctl(0x5401n), ALLOW);
    assert.equal(ioctl(0x5412n), EPERM);
    // The kernel looks at 32 bits only: bits above them do not get around the filter.
    assert.equal(ioctl(0x1_0000_5412n), EPERM);
    assert.equal(judge(x64, { arch: X64, number: 41, args: [40n] }), EPERM);
    assert.equal(judge(x64, { arch: X64, number: 41, args: [2n] }), ALLOW);
    assert.equal(judge(arm64, { arch: ARM64, number: 92, args: [0x40000n] }), EPERM);
    assert.equal(judge(arm64, { arch: ARM64, number: 92, args: [0n] }), ALLOW);
  });

  it('lets no program use the table of a machine that is not listed', () => {
    assert.equal(judge(x64, { arch: ARM64, number: 0 }), ENOSYS);
    assert.equal(judge(arm64, { arch: X64, number: 0 }), ENOSYS);
    assert.equal(syscallFilter('mips'), null);
  });
});

describe('the assembler', () => {
  it('refuses jumps that a byte cannot hold, that lead back, or nowhere', () => {
    const far: Instruction[] = [{ when: 'equal', value: 1, goto: 'end' }];
    for (let count = 0; count < 256; count++) far.push({ answer: 0 });
    far.push({ label: 'end' }, { answer: 1 });
    assert.throws(() => assemble(far), RangeError);
    assert.throws(
      () => assemble([{ label: 'a' }, { when: 'equal', value: 1, goto: 'a' }]),
      RangeError,
    );
    assert.throws(() => assemble([{ when: 'equal', value: 1, goto: 'b' }]), RangeError);
  });
});
