/** Answers XML-RPC requests. Whatever comes, there is an answer: a value or a fault. */
import { FAULT, Fault } from './fault.ts';
import { callMethod, type Method, type MethodTable, methodTable } from './method.ts';
import { readCall } from './reader.ts';
import { systemMethods } from './system-methods.ts';
import type { Call } from './value.ts';
import { writeFault } from './writer.ts';

/** Monitors send the same few bytes again and again; what they mean is remembered. */
const REMEMBERED_MOST = 256;
const REMEMBERED_BYTES = 1024;

export class XmlRpcDesk {
  readonly #methods: MethodTable;
  readonly #calls = new Map<string, Call>();
  readonly #onInternal: (error: unknown) => void;

  /** @param onInternal hears of errors that are this program's own */
  constructor(methods: readonly Method[], onInternal: (error: unknown) => void) {
    this.#onInternal = onInternal;
    this.#methods = methodTable([...methods, ...systemMethods(() => this.#methods)]);
  }

  /** @param charset of the HTTP header, or null */
  answer(body: Buffer, charset: string | null): Buffer {
    try {
      const { method, params } = this.#read(body, charset);
      return callMethod(this.#methods, method, params).answer;
    } catch (error) {
      if (error instanceof Fault) return writeFault(error.code, error.message);
      this.#onInternal(error);
      return writeFault(FAULT.internal, 'the collector failed; its log says why');
    }
  }

  #read(body: Buffer, charset: string | null): Call {
    if (body.length > REMEMBERED_BYTES) return readCall(body, charset);
    const key = `${charset ?? ''}\0${body.toString('latin1')}`;
    const known = this.#calls.get(key);
    if (known) return known;
    const call = readCall(body, charset);
    if (this.#calls.size >= REMEMBERED_MOST) this.#calls.clear();
    this.#calls.set(key, call);
    return call;
  }
}
