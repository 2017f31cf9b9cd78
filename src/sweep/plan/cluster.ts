import { resolve } from 'node:path';
import type { Level } from '#model';
import { describeOrigin } from '../template/origin.ts';
import type { SweepDraft } from './draft.ts';

/** Machines that a sweep brings with it. Their lines are read by those who know machines. */
export interface PlannedCluster {
  readonly nodes:
    | { readonly kind: 'file'; readonly path: string; readonly name: string }
    | {
        readonly kind: 'lines';
        readonly lines: readonly { readonly text: string; readonly where: string }[];
      };
  /** How many must come up; undefined: as usual. */
  readonly atLeast: number | undefined;
  /** HOST or HOST:PORT where they find the server; `''`: to be found out. */
  readonly advertise: string;
  /** For machines that say nothing of it; 0: their CPUs. */
  readonly slots: number;
  /** For machines that say nothing of it; `''`: the usual one. */
  readonly directory: string;
  /** Walls of attempts whose jobs ask for none; undefined: as on this machine. */
  readonly walls: Level | undefined;
}

/** `[cluster]` of the sweep file, or null. Paths are relative to the file. */
export function planCluster({ document, base, findOrigin }: SweepDraft): PlannedCluster | null {
  const { cluster } = document;
  if (!cluster) return null;
  const { nodes } = cluster;
  const path = ['cluster', 'nodes'];
  return {
    nodes:
      typeof nodes === 'string'
        ? { kind: 'file', path: resolve(base, nodes), name: nodes }
        : {
            kind: 'lines',
            lines: nodes.map((text, index) => {
              return { text, where: describeOrigin(findOrigin([...path, index])) };
            }),
          },
    atLeast: cluster['at-least'],
    advertise: cluster.advertise ?? '',
    slots: cluster.slots ?? 0,
    directory: cluster.dir ?? '',
    walls: cluster.walls,
  };
}
