import * as z from 'zod';

const NAME = '[A-Za-z_][A-Za-z0-9_]{0,199}';

/** Asked of every list whose items have ads. */
export const adQuery = {
  constraint: z
    .string()
    .max(4096)
    .optional()
    .describe('An expression that must be true of the ad of an item.'),
  attributes: z
    .string()
    .max(4096)
    .regex(new RegExp(`^(\\*|${NAME}(,${NAME})*)$`))
    .optional()
    .describe('Names between commas: each item comes with `ad`. `*`: the whole ad, not evaluated.'),
};

export interface AdQuery {
  readonly constraint?: string | undefined;
  readonly attributes?: string | undefined;
}

export const toldAd = z
  .string()
  .optional()
  .describe('Its ad in the bracketed form, when attributes were asked for.');
