/** rules: what happens → conditions → webhooks and mail, never in the way of what happens. */
export { rulesErrors } from './errors.ts';
export type { RuleEvent } from './event-ad.ts';
export { Rules } from './rules.ts';
export { type RulesFile, readRulesFile } from './rules-file.ts';
