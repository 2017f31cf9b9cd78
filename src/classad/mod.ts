/** classad: the expression language. Text → tree → value; no I/O, clock and chance come in. */
export { parseAds } from './ad-form.ts';
export { parseBracketedAd, parseBracketedAds, parseLineAds } from './ad-text.ts';
export { localAmbient } from './ambient.ts';
export type { Budget, Exhausted } from './budget.ts';
export { adOf, expressionOf } from './compile.ts';
export { conjunctsOf } from './conjuncts.ts';
export { classadErrors } from './errors.ts';
export {
  adOfValues,
  compileExpression,
  type Evaluated,
  evaluate,
  evaluateAttribute,
  evaluateFully,
  findAttribute,
  matches,
  type Plain,
  plainFrom,
  type Surround,
} from './evaluate.ts';
export { type Explained, explain } from './explain.ts';
export { functionNames } from './functions/table.ts';
export { parseJsonAds, printJsonAd } from './json-form.ts';
export type { TextForm } from './lexer.ts';
export { type NamesIn, namesIn, namesThrough } from './names-in.ts';
export { parseExpression, type ReadExpression, readExpression } from './parser.ts';
export {
  EXACT,
  type PrintStyle,
  printAd,
  printLines,
  printNode,
  printValue,
  SHOWN,
} from './print.ts';
export { externalReferences } from './references.ts';
export {
  type AbsTime,
  absTime,
  ERROR,
  type RealValue,
  type RelTime,
  real,
  relTime,
} from './scalar.ts';
export type { SyntaxProblem } from './syntax-fault.ts';
export type { Node } from './tree.ts';
export {
  type Ad,
  type AdValue,
  type Ambient,
  type Attribute,
  type Expression,
  type ListValue,
  numberOf,
  truthOf,
  typeOf,
  type Value,
  type ValueType,
} from './value.ts';
export {
  type Attributes,
  type AttributeTable,
  adOfThing,
  attributeTable,
  isAdOfThing,
  wholeAd,
} from './view.ts';
export { parseXmlAds, printXmlAds } from './xml-form.ts';
