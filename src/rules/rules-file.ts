/** The rules of a site: one TOML file, read when the server starts; everything wrong is told at once. */
import { readFile } from 'node:fs/promises';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { messageOf, systemReasonOf } from '#base';
import { compileExpression, type Expression } from '#classad';
import { rulesErrors } from './errors.ts';
import type { MailWay } from './mail.ts';

export interface Rule {
  readonly name: string;
  readonly on: string;
  readonly when: Expression;
  /** `''`: none. */
  readonly webhook: string;
  /** Bearer token of the webhook; `''`: none. */
  readonly token: string;
  readonly mail: readonly string[];
  /** Of each action, in a minute. */
  readonly most: number;
}

export interface RulesFile {
  readonly rules: readonly Rule[];
  /** Null where nothing is mailed. */
  readonly mail: { readonly from: string; readonly way: MailWay } | null;
}

const RULES_MOST = 100;
const FILE_BYTES = 1 << 20;
const KINDS = ['trap', 'trace', 'data', 'task', 'job', 'worker', 'server'] as const;

// Beginning with a dash it would be an option of the site's program.
const address = z
  .string()
  .max(254)
  .regex(/^[^\s<>,;"-][^\s<>,;"]*@[^\s<>,;"@]+$/, 'expected an address like ada@example.org');
const url = (protocols: RegExp, expected: string) =>
  z
    .string()
    .max(2000)
    .refine((text) => isUrl(text, protocols), `expected ${expected}`);

const schema = z.strictObject({
  mail: z
    .strictObject({
      from: address,
      sendmail: z.string().startsWith('/').optional(),
      smtp: url(/^smtps?:$/, 'smtp://HOST[:PORT] or smtps://…, without a password').optional(),
      user: z.string().max(254).default(''),
      'password-file': z.string().startsWith('/').optional(),
    })
    .refine(
      ({ sendmail, smtp }) => (sendmail === undefined) !== (smtp === undefined),
      'expected either sendmail or smtp',
    )
    .optional(),
  rules: z
    .array(
      z
        .strictObject({
          name: z.string().min(1).max(100),
          on: z.enum(KINDS),
          when: z.string().max(10_000).default('true'),
          webhook: url(/^https?:$/, 'an http:// or https:// address without a password').optional(),
          'token-file': z.string().startsWith('/').optional(),
          mail: z.array(address).max(50).default([]),
          most: z.int().min(1).max(1000).default(20),
        })
        .refine(
          ({ webhook, mail }) => webhook !== undefined || mail.length > 0,
          'expected a webhook or mail',
        ),
    )
    .max(RULES_MOST)
    .default([]),
});

type Read = z.output<typeof schema>;

/**
 * @param readSecret the first line of a file that nobody else may read
 * @throws WindrowError RULES_FILE_UNREADABLE, RULES_FILE_WRONG, SECRET_FILE_…
 */
export async function readRulesFile(
  file: string,
  readSecret: (path: string) => Promise<string>,
): Promise<RulesFile> {
  const read = parsed(await textOf(file), file);
  const { mail } = read;
  if (!mail && read.rules.some((rule) => rule.mail.length > 0)) {
    throw rulesErrors.create('RULES_FILE_WRONG', {
      file,
      problems: '[mail] is missing: who sends, and how',
    });
  }
  const rules = await Promise.all(read.rules.map((rule) => ruleOf(rule, file, readSecret)));
  return { rules, mail: mail ? { from: mail.from, way: await wayOf(mail, readSecret) } : null };
}

async function textOf(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    if (bytes.length <= FILE_BYTES) return bytes.toString();
  } catch (error) {
    const reason = systemReasonOf(error);
    throw rulesErrors.create('RULES_FILE_UNREADABLE', { file, reason }, { cause: error });
  }
  throw rulesErrors.create('RULES_FILE_UNREADABLE', { file, reason: 'it is larger than 1 MiB' });
}

function parsed(text: string, file: string): Read {
  let json: unknown;
  try {
    json = parse(text);
  } catch (error) {
    throw wrong(file, messageOf(error), error);
  }
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  throw wrong(file, problemsOf(read.error), read.error);
}

async function ruleOf(
  rule: Read['rules'][number],
  file: string,
  readSecret: (path: string) => Promise<string>,
): Promise<Rule> {
  const { name, on, webhook = '', mail, most } = rule;
  const tokenFile = rule['token-file'];
  const token = tokenFile === undefined ? '' : await readSecret(tokenFile);
  return { name, on, webhook, token, mail, most, when: conditionOf(rule, file) };
}

function conditionOf({ name, when }: Read['rules'][number], file: string): Expression {
  try {
    return compileExpression(when);
  } catch (error) {
    throw wrong(file, `when of the rule ${JSON.stringify(name)}: ${messageOf(error)}`, error);
  }
}

async function wayOf(
  { sendmail, smtp, user, 'password-file': passwordFile }: NonNullable<Read['mail']>,
  readSecret: (path: string) => Promise<string>,
): Promise<MailWay> {
  if (sendmail !== undefined) return { kind: 'sendmail', program: sendmail };
  const password = passwordFile === undefined ? '' : await readSecret(passwordFile);
  return { kind: 'smtp', url: smtp!, user, password };
}

function isUrl(text: string, protocols: RegExp): boolean {
  const parsed = URL.parse(text);
  return (
    parsed !== null &&
    protocols.test(parsed.protocol) &&
    parsed.username === '' &&
    parsed.password === '' &&
    parsed.hostname !== ''
  );
}

function wrong(file: string, problems: string, cause: unknown): Error {
  return rulesErrors.create('RULES_FILE_WRONG', { file, problems }, { cause });
}

function problemsOf({ issues }: z.ZodError): string {
  const told = issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`);
  return told.slice(0, 10).join('; ');
}
