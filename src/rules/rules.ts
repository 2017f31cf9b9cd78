/**
 * Looks at everything that happens and acts on what rules are about. Whoever tells of an event never
 * waits and never hears of a failure: an action has its outbox.
 */
import type { Clock } from '#base';
import { type Ambient, evaluate, truthOf } from '#classad';
import { rulesErrors } from './errors.ts';
import { adOfEvent, type RuleEvent } from './event-ad.ts';
import { mail } from './mail.ts';
import { type Action, Outbox } from './outbox.ts';
import type { Rule, RulesFile } from './rules-file.ts';
import { webhook } from './webhook.ts';

export interface RulesOptions {
  readonly file: RulesFile;
  readonly clock: Clock;
  readonly ambient: Ambient;
  readonly log: (level: 'warn', message: string, facts?: object) => void;
  /** Between tries; another in tests. */
  readonly retryDelaysMs?: readonly number[];
}

/** An expression is looked at for each event: it may not cost much. */
const STEPS_MOST = 10_000;

interface Watching {
  readonly rule: Rule;
  readonly outboxes: readonly Outbox[];
}

export class Rules {
  readonly #ambient: Ambient;
  readonly #byKind = new Map<string, Watching[]>();
  readonly #outboxes: Outbox[] = [];

  constructor(options: RulesOptions) {
    this.#ambient = options.ambient;
    for (const rule of options.file.rules) {
      const outboxes = actionsOf(rule, options.file).map((action) =>
        openOutbox(rule, action, options),
      );
      this.#outboxes.push(...outboxes);
      const known = this.#byKind.get(rule.on) ?? [];
      this.#byKind.set(rule.on, [...known, { rule, outboxes }]);
    }
  }

  /** Never throws, and returns at once. */
  happened(event: RuleEvent): void {
    const watching = this.#byKind.get(event.kind);
    if (!watching) return;
    const my = adOfEvent(event);
    for (const { rule, outboxes } of watching) {
      const value = evaluate(rule.when, { my, ambient: this.#ambient, budget: BUDGET });
      if (truthOf(value) === true) for (const outbox of outboxes) outbox.put(event);
    }
  }

  /** Looks at events until there are no more. */
  async follow(events: AsyncIterable<RuleEvent>): Promise<void> {
    for await (const event of events) this.happened(event);
  }

  /** What was not done by now is given up. */
  async close(): Promise<void> {
    await Promise.all(this.#outboxes.map((outbox) => outbox.close()));
  }
}

const BUDGET = { steps: STEPS_MOST };

function actionsOf(rule: Rule, { mail: site }: RulesFile): Action[] {
  const { name, webhook: url, token, mail: to } = rule;
  return [
    ...(url === '' ? [] : [webhook(name, url, token)]),
    ...(to.length === 0 || site === null ? [] : [mail({ rule: name, to, ...site })]),
  ];
}

function openOutbox(rule: Rule, action: Action, options: RulesOptions): Outbox {
  const { clock, log, retryDelaysMs } = options;
  return new Outbox({
    ...{ action, clock, mostPerMinute: rule.most },
    ...(retryDelaysMs ? { retryDelaysMs } : {}),
    onFailure: (what, reason) => {
      const error = rulesErrors.create('RULE_ACTION_FAILED', { rule: rule.name, what, reason });
      log('warn', error.message, { code: error.code });
    },
  });
}
