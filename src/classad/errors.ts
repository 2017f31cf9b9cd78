import { defineErrors } from '#base';

/** Errors of the expression language. Evaluation itself has none: it answers with the value `error`. */
export const classadErrors = defineErrors({
  CLASSAD_SYNTAX_WRONG: {
    message: '{what}, line {line}, column {column}: {problem}\n{caret}',
    todo: 'Correct the expression at the mark; the language is described in docs/guide/classad.md.',
    status: 400,
    example: {
      what: 'expression',
      line: 1,
      column: 10,
      problem: 'expected an operand, found the end',
      caret: 'Memory >=\n         ^',
    },
  },
  CLASSAD_TOO_LARGE: {
    message: '{what} has {found} characters; at most {limit} are read',
    todo: 'Make it shorter; large data belongs into files, not into ads.',
    status: 413,
    example: { what: 'expression', found: 2_000_000, limit: 1_048_576 },
  },
  CLASSAD_FORM_WRONG: {
    message: 'not an ad in {form} form: {problem}',
    todo: 'Write it as docs/guide/classad.md shows, or in another of the forms.',
    status: 400,
    example: { form: 'XML', problem: 'expected </a>, found </c> at character 31' },
  },
  CLASSAD_NOT_PRINTABLE: {
    message: 'the string {text} cannot be written in the one-attribute-per-line form',
    todo: 'Print the ad in the bracketed form, or as JSON or XML.',
    status: 400,
    example: { text: '"two\\nlines"' },
  },
});
