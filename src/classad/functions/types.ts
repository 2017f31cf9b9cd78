import { typeOf, type ValueType } from '../value.ts';
import { type FunctionTable, plain } from './definition.ts';

function isOf(type: ValueType) {
  return plain(1, 1, ([value]) => typeOf(value) === type);
}

export const typeFunctions: FunctionTable = {
  isundefined: isOf('undefined'),
  iserror: isOf('error'),
  isstring: isOf('string'),
  isinteger: isOf('integer'),
  isreal: isOf('real'),
  isboolean: isOf('boolean'),
  islist: isOf('list'),
  isclassad: isOf('classad'),
  isabstime: isOf('abstime'),
  isreltime: isOf('reltime'),
};
