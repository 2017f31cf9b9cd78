/** What can be done about traps, and what is asked before. */
import { parseDurationMs } from '#base';
import type { Silence, TrapRecord } from '#model';
import { ask, Refusal } from '../ask.ts';
import type { Wish } from '../parts/confirm.tsx';

/** Who did it, for the others: the page knows nobody's name. */
const BY = 'web page';

function change(what: string, body: object): Promise<unknown> {
  return ask(`/v1/traps/${what}`, { method: 'POST', body });
}

export function acknowledgeWish({ id, node, message }: TrapRecord): Wish {
  return {
    title: `Acknowledge ${node}: ${message}?`,
    what: 'It stays acknowledged until it clears or gets worse.',
    verb: 'Acknowledge',
    reason: 'Comment, for the others',
    act: (comment) => change('acknowledge', { id, by: BY, comment }),
  };
}

export function withdrawWish({ id, node, message }: TrapRecord): Wish {
  return {
    title: `Withdraw the acknowledgement of ${node}: ${message}?`,
    what: 'It asks to be looked at again.',
    verb: 'Withdraw',
    act: () => change('acknowledge', { id, withdraw: true }),
  };
}

export function silenceWish({ node }: TrapRecord): Wish {
  return {
    title: `Silence ${node}?`,
    what: 'Its traps are kept, but not told, until the silence ends; what holds then is told then.',
    verb: 'Silence',
    reason: 'For how long, like 2 h or 30 min',
    act: async (typed) => {
      const forMs = parseDurationMs(typed);
      if (forMs === undefined) throw notDuration(typed);
      // A name may hold what is a pattern's; only this very node is meant.
      await change('silence', { node: node.replace(/[*?]/g, '?'), forMs, by: BY });
    },
  };
}

function notDuration(typed: string): Refusal {
  const detail = typed === '' ? 'it needs a time' : `“${typed}” is no time`;
  return new Refusal(400, { code: '', detail, todo: 'Give one like 2 h, 30 min or 1 d.' });
}

export function endSilenceWish({ id }: Silence): Wish {
  return {
    title: 'End the silence?',
    what: 'What it hides and still holds is told at once.',
    verb: 'End',
    act: () => change('silence/end', { id }),
  };
}
