/** What a program says of its task, on its way to the server. */
import {
  type AttributeRefusal,
  CHIRP_LIMITS,
  type ChirpWish,
  refusalOfAttribute,
  type SetAttribute,
  type Ticket,
} from '#model';
import {
  type AttributeReport,
  parseAttributeAnswer,
  parseAttributeReceipt,
  type ToldOfTask,
} from '#wire';
import type { ServerLink } from '../port.ts';
import { ChirpFault, CODES } from './codes.ts';

/** Requests to the server at once, and in a second, of one attempt. */
const MOST_A_SECOND = 20;

export interface AttributesOptions {
  readonly worker: string;
  readonly ticket: Ticket;
  readonly wish: ChirpWish;
  readonly link: () => Promise<ServerLink>;
  /** Milliseconds of a clock that cannot be set. */
  readonly monotonic: () => number;
  readonly signal: AbortSignal;
}

const CODE_OF: Readonly<Record<AttributeRefusal, number>> = {
  unasked: CODES.notAuthorized,
  protected: CODES.notAuthorized,
  malformed: CODES.invalid,
  'too-long': CODES.tooBig,
};

export class TaskAttributes {
  readonly #options: AttributesOptions;
  /** Set with a later report; by lower-case name. */
  readonly #delayed = new Map<string, { name: string; expression: string }>();
  /** Set at once, and taken by the server; by lower-case name. */
  readonly #taken = new Map<string, SetAttribute>();
  #isDirty = false;
  #second = 0;
  #count = 0;

  constructor(options: AttributesOptions) {
    this.#options = options;
  }

  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** Durable on the server when it resolves. @throws ChirpFault */
  async set(name: string, expression: string): Promise<void> {
    if (!this.#options.wish.io) throw new ChirpFault(CODES.notAuthorized);
    this.#check({ name, expression });
    this.#spend();
    const { ticket } = this.#options;
    const taken = await this.#send([{ ticket, kind: 'attribute', name, expression }]);
    if (!taken) throw new ChirpFault(CODES.notAuthorized);
    this.#taken.set(name.toLowerCase(), { name, expression });
    this.#delayed.delete(name.toLowerCase());
  }

  /** As they are now, for policies on the task. */
  current(): readonly SetAttribute[] {
    return [...this.#taken.values(), ...this.#delayed.values()];
  }

  async get(name: string): Promise<string> {
    if (!this.#options.wish.io) throw new ChirpFault(CODES.notAuthorized);
    this.#spend();
    const { worker, ticket, signal } = this.#options;
    const link = await this.#options.link();
    const answer = await link.postJson('/attributes/read', { worker, ticket, name }, { signal });
    return parseAttributeAnswer(answer).expression ?? 'UNDEFINED';
  }

  setDelayed(name: string, expression: string): void {
    if (!/^chirp/i.test(name)) throw new ChirpFault(CODES.notAuthorized);
    this.#check({ name, expression });
    if (expression.length > CHIRP_LIMITS.delayedCharacters) throw new ChirpFault(CODES.tooBig);
    const lower = name.toLowerCase();
    if (!this.#delayed.has(lower) && this.#delayed.size >= CHIRP_LIMITS.attributes) {
      throw new ChirpFault(CODES.tooBig);
    }
    this.#delayed.set(lower, { name, expression });
    this.#isDirty = true;
  }

  getDelayed(name: string): string {
    const found = this.#delayed.get(name.toLowerCase());
    return found?.expression ?? 'UNDEFINED';
  }

  async remark(text: string): Promise<void> {
    if (!this.#options.wish.io) throw new ChirpFault(CODES.notAuthorized);
    this.#spend();
    const { ticket } = this.#options;
    await this.#send([{ ticket, kind: 'remark', text: text.slice(0, CHIRP_LIMITS.remarkBytes) }]);
  }

  /** Sends what waits, if anything does. */
  async flush(): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const { ticket } = this.#options;
    const told = [...this.#delayed.values()].map((one) => ({
      ticket,
      kind: 'attribute' as const,
      ...one,
    }));
    try {
      await this.#send(told);
    } catch (error) {
      this.#isDirty = true;
      throw error;
    }
  }

  async #send(told: readonly ToldOfTask[]): Promise<boolean> {
    const { worker, signal } = this.#options;
    const report: AttributeReport = { worker, told };
    const link = await this.#options.link();
    const receipt = parseAttributeReceipt(await link.postJson('/attributes', report, { signal }));
    return receipt.taken.every((one) => one);
  }

  #check(attribute: { name: string; expression: string }): void {
    const refusal = refusalOfAttribute(attribute, this.#options.wish);
    if (refusal !== null) throw new ChirpFault(CODE_OF[refusal]);
  }

  #spend(): void {
    const second = Math.floor(this.#options.monotonic() / 1000);
    if (second !== this.#second) this.#count = 0;
    this.#second = second;
    if (++this.#count > MOST_A_SECOND) throw new ChirpFault(CODES.busy);
  }
}
