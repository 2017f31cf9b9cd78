/** Methods as data: what they take, what they say of themselves, what they do. */
import { FAULT, Fault } from './fault.ts';
import type { Value, ValueType } from './value.ts';
import { writeAnswer, writeValue } from './writer.ts';

/** An answer that is made into bytes once, however often it is asked for. */
export class Fragment {
  /** A `<value>` element. */
  readonly value: string;
  #answer: Buffer | undefined;

  constructor(value: string) {
    this.value = value;
  }

  /** The whole document. */
  get answer(): Buffer {
    this.#answer ??= writeAnswer(this.value);
    return this.#answer;
  }
}

/** As `system.methodSignature` names them; `any` is for what is only handed on. */
export type SignatureType = ValueType | 'any';

export interface Method {
  readonly name: string;
  /** The answer's type first, then those of the parameters. */
  readonly signature: readonly [SignatureType, ...SignatureType[]];
  readonly help: string;
  /** Gets parameters of the types of the signature. May throw a Fault. */
  call(params: readonly Value[]): Value | Fragment;
}

/** Calls a method after a look at its parameters. Throws a Fault. */
export function callMethod(methods: MethodTable, name: string, params: readonly Value[]): Fragment {
  const method = methods.get(name);
  if (!method) throw new Fault(FAULT.noSuchMethod, `there is no method ${name}`);
  const given = fittingParams(method, params);
  const answer = method.call(given);
  return answer instanceof Fragment ? answer : new Fragment(writeValue(answer));
}

export type MethodTable = ReadonlyMap<string, Method>;

export function methodTable(methods: readonly Method[]): MethodTable {
  return new Map(methods.map((method) => [method.name, method]));
}

function fittingParams(method: Method, params: readonly Value[]): readonly Value[] {
  const [, ...types] = method.signature;
  if (params.length !== types.length) {
    const expected = types.length === 0 ? 'none' : types.join(', ');
    const found = `found ${params.length} parameters, expected ${expected}`;
    throw new Fault(FAULT.invalidParameters, `${method.name}: ${found}`);
  }
  return params.map((param, index) => fitting(method, index, types[index]!, param));
}

function fitting(method: Method, index: number, type: SignatureType, param: Value): Value {
  if (type === 'any' || param.type === type) return param;
  // The longer integer is an extension; what fits is as good as the shorter one.
  if (type === 'int' && param.type === 'i8') return { type: 'int', value: Number(param.value) };
  const place = `${method.name}: parameter ${index + 1}`;
  throw new Fault(FAULT.invalidParameters, `${place} is ${param.type}, expected ${type}`);
}

/** The value of a parameter whose type the signature has. */
export function stringOf(param: Value | undefined): string {
  return param?.type === 'string' ? param.value : '';
}

export function intOf(param: Value | undefined): number {
  return param?.type === 'int' ? param.value : 0;
}
