/** Introspection and bundling of calls, as most servers have them. */
import { FAULT, Fault } from './fault.ts';
import { callMethod, Fragment, type Method, type MethodTable, stringOf } from './method.ts';
import { array, text, type Value } from './value.ts';
import { faultValue, writeArray } from './writer.ts';

const MULTICALL = 'system.multicall';
const CALLS_MOST = 100;
/** Of all answers of one bundle: a small request must not have a huge reply. */
const BUNDLE_MOST_CHARACTERS = 32 << 20;

/** @param table the finished table, with these methods in it */
export function systemMethods(table: () => MethodTable): Method[] {
  const named = (param: Value | undefined): Method => {
    const method = table().get(stringOf(param));
    if (method) return method;
    throw new Fault(FAULT.noSuchMethod, `there is no method ${stringOf(param).slice(0, 100)}`);
  };
  return [
    {
      name: 'system.listMethods',
      signature: ['array'],
      help: 'Names of all methods.',
      call: () => array([...table().keys()].sort().map(text)),
    },
    {
      name: 'system.methodSignature',
      signature: ['array', 'string'],
      help: 'Signatures of a method: each the type of its answer, then those of its parameters.',
      call: ([name]) => array([array(named(name).signature.map(text))]),
    },
    {
      name: 'system.methodHelp',
      signature: ['string', 'string'],
      help: 'What a method is for.',
      call: ([name]) => text(named(name).help),
    },
    {
      name: MULTICALL,
      signature: ['array', 'array'],
      help: 'Calls several methods: structs with methodName and params. Answers with arrays of one value, or faults.',
      call: ([calls]) => multicall(table(), calls?.type === 'array' ? calls.items : []),
    },
  ];
}

function multicall(table: MethodTable, calls: readonly Value[]): Fragment {
  if (calls.length > CALLS_MOST) {
    const found = `found ${calls.length} calls, at most ${CALLS_MOST} go together`;
    throw new Fault(FAULT.invalidParameters, found);
  }
  const answers: string[] = [];
  let characters = 0;
  for (const call of calls) {
    const answer = oneOf(table, call);
    characters += answer.length;
    if (characters > BUNDLE_MOST_CHARACTERS) {
      throw new Fault(FAULT.application, 'the answers are too long together, ask for fewer');
    }
    answers.push(answer);
  }
  return new Fragment(writeArray(answers));
}

function oneOf(table: MethodTable, call: Value): string {
  try {
    const { name, params } = partsOf(call);
    if (name === MULTICALL) {
      throw new Fault(FAULT.invalidParameters, `${MULTICALL} does not go into itself`);
    }
    return writeArray([callMethod(table, name, params).value]);
  } catch (error) {
    if (error instanceof Fault) return faultValue(error.code, error.message);
    throw error;
  }
}

function partsOf(call: Value): { name: string; params: readonly Value[] } {
  const members: ReadonlyMap<string, Value> = call.type === 'struct' ? call.members : new Map();
  const name = members.get('methodName');
  const params = members.get('params');
  if (name?.type === 'string' && params?.type === 'array') {
    return { name: name.value, params: params.items };
  }
  const expected = 'expected structs with methodName (string) and params (array)';
  throw new Fault(FAULT.invalidParameters, expected);
}
