/**
 * The public validator1 suite, by which implementations test each other (xmlrpc.com, 1999; also in
 * xmlrpc-epi, TclSOAP and xmlrpc-c), and two methods to try a client with.
 */
import { FAULT, Fault } from './fault.ts';
import type { Method } from './method.ts';
import { array, boolean, int, struct, text, type Value } from './value.ts';

/** @param version of Windrow */
export function conformanceMethods(version: string): Method[] {
  return [
    {
      name: 'validator1.arrayOfStructsTest',
      signature: ['int', 'array'],
      help: 'The sum of all members curly of the structs in an array.',
      call: ([structs]) => int(sum(itemsOf(structs).map((one) => member(one, 'curly')))),
    },
    {
      name: 'validator1.countTheEntities',
      signature: ['struct', 'string'],
      help: 'How many of the five characters that XML names are in a string.',
      call: ([param]) => countTheEntities(param?.type === 'string' ? param.value : ''),
    },
    {
      name: 'validator1.easyStructTest',
      signature: ['int', 'struct'],
      help: 'The sum of the members moe, larry and curly.',
      call: ([stooges]) => int(sumOfStooges(stooges!)),
    },
    {
      name: 'validator1.echoStructTest',
      signature: ['struct', 'struct'],
      help: 'The struct that it was given.',
      call: ([given]) => given!,
    },
    {
      name: 'validator1.manyTypesTest',
      signature: ['array', 'int', 'boolean', 'string', 'double', 'dateTime.iso8601', 'base64'],
      help: 'An array of its six parameters.',
      call: (params) => array(params),
    },
    {
      name: 'validator1.moderateSizeArrayCheck',
      signature: ['string', 'array'],
      help: 'The first and the last string of an array, together.',
      call: ([strings]) => text(endsOf(itemsOf(strings))),
    },
    {
      name: 'validator1.nestedStructTest',
      signature: ['int', 'struct'],
      help: 'The sum of moe, larry and curly of April 1st, 2000, in a struct of years, months, days.',
      call: ([years]) => int(sumOfStooges(inside(years!, ['2000', '04', '01']))),
    },
    {
      name: 'validator1.simpleStructReturnTest',
      signature: ['struct', 'int'],
      help: 'A number times 10, 100 and 1000.',
      call: ([number]) => timesTable(number?.type === 'int' ? number.value : 0),
    },
    {
      name: 'validator1.echoNestedStruct',
      signature: ['struct', 'struct'],
      help: 'The struct that it was given.',
      call: ([given]) => given!,
    },
    ...['whichToolkit', 'validator1.whichToolkit'].map(
      (name): Method => ({
        name,
        signature: ['struct'],
        help: 'What answers here.',
        call: () =>
          struct({
            toolkitName: text('Windrow'),
            toolkitVersion: text(version),
            toolkitDocsUrl: text('docs/guide/traps.md'),
            toolkitOperatingSystem: text(process.platform),
          }),
      }),
    ),
    {
      name: 'test.echo',
      signature: ['any', 'any'],
      help: 'Its one parameter.',
      call: ([given]) => given!,
    },
    {
      name: 'test.noargs',
      signature: ['boolean'],
      help: 'True, without parameters.',
      call: () => boolean(true),
    },
  ];
}

function wrong(what: string): Fault {
  return new Fault(FAULT.invalidParameters, what);
}

function itemsOf(value: Value | undefined): readonly Value[] {
  return value?.type === 'array' ? value.items : [];
}

function inside(value: Value, names: readonly string[]): Value {
  return names.reduce((outer, name) => {
    const found = outer.type === 'struct' ? outer.members.get(name) : undefined;
    if (!found) throw wrong(`there is no member ${name} where one is expected`);
    return found;
  }, value);
}

function member(value: Value, name: string): number {
  const found = inside(value, [name]);
  if (found.type === 'int') return found.value;
  throw wrong(`${name} is ${found.type}, expected int`);
}

function sum(numbers: readonly number[]): number {
  const total = numbers.reduce((before, number) => before + number, 0);
  return within32Bits(total);
}

function within32Bits(total: number): number {
  if (Math.abs(total) < 2 ** 31) return total;
  throw wrong('the result has more than 32 bits');
}

function sumOfStooges(value: Value): number {
  return sum(['moe', 'larry', 'curly'].map((name) => member(value, name)));
}

function countTheEntities(given: string): Value {
  const count = (character: string) => int(given.split(character).length - 1);
  return struct({
    ctLeftAngleBrackets: count('<'),
    ctRightAngleBrackets: count('>'),
    ctAmpersands: count('&'),
    ctApostrophes: count("'"),
    ctQuotes: count('"'),
  });
}

function endsOf(strings: readonly Value[]): string {
  const first = strings[0];
  const last = strings.at(-1);
  if (first?.type === 'string' && last?.type === 'string') return first.value + last.value;
  throw wrong('expected an array of strings with at least one of them');
}

function timesTable(number: number): Value {
  const times = (factor: number) => int(within32Bits(number * factor));
  return struct({ times10: times(10), times100: times(100), times1000: times(1000) });
}
