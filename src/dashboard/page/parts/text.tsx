/** Text from outside is only ever text; what would hide in it or turn it round is made visible. */
import { printable, printableLines } from '#base';
import { TEXT_SHOWN } from '../limits.ts';

export function Text({ of, most = TEXT_SHOWN }: { of: string; most?: number }) {
  if (of.length <= most) return <bdi>{printable(of)}</bdi>;
  return <bdi title={printable(of.slice(0, 2000))}>{printable(of.slice(0, most))}…</bdi>;
}

export function Lines({ of }: { of: string }) {
  return <bdi>{printableLines(of)}</bdi>;
}
