/** What the language spends at most on text from outside. */
export const EXPRESSION_MOST_CHARACTERS = 1 << 20;
export const AD_MOST_CHARACTERS = 16 << 20;
/** Nesting in text: parentheses, calls, lists, ads, selections, prefix operators. */
export const PARSER_NESTING = 500;
/** Nesting while evaluating, attributes that lead to attributes included. */
export const EVALUATION_NESTING = 400;
/** Nodes evaluated, and work on long strings counted as if it were nodes, for one evaluation. */
export const EVALUATION_STEPS = 10_000_000;
/** Characters of all strings made in one evaluation. */
export const EVALUATION_CHARACTERS = 16 << 20;
/** Wall time of one evaluation. */
export const EVALUATION_MS = 2000;
/** A pattern's own length, and its compiled size times the subject's length. */
export const PATTERN_MOST_CHARACTERS = 4096;
export const PATTERN_MOST_WORK = 100_000_000;
