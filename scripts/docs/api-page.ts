import { api, openApiDocument, type Route } from '#wire';
import { cell, code, printedFrom, table } from './markdown.ts';

type Json = { readonly [key: string]: unknown };

/** docs/reference/api.md */
export function apiPage(): string {
  const document = openApiDocument('') as {
    components: { schemas: Record<string, Json> };
    paths: Record<string, Json>;
  };
  const routes = Object.entries<Route>(api).map(([operation, route]) =>
    routeText(operation, route, document.paths[route.path]![route.method.toLowerCase()] as Json),
  );
  const messages = Object.entries(document.components.schemas).map(([id, schema]) =>
    messageText(id, schema),
  );
  return [
    printedFrom('src/wire/api.ts'),
    '# User API\n',
    'JSON over HTTP, described for programs by `GET /v1/openapi.json` (OpenAPI 3.1). Every request but',
    'that one carries `Authorization: Bearer TOKEN` with what lies in the file `admin-token` of the state',
    'directory. Times are milliseconds since the epoch, UTC. A request that is not carried out is answered',
    'with [Problem](#problem) as `application/problem+json`.\n',
    '```sh\ncurl -H "Authorization: Bearer $(cat results/.windrow/admin-token)" http://127.0.0.1:8980/v1/jobs\n```\n',
    '## Routes\n',
    ...routes,
    '## Messages\n',
    ...messages,
  ].join('\n');
}

function routeText(operation: string, route: Route, described: Json): string {
  const parameters = described.parameters as Json[];
  const rows = parameters.map((one) => [
    code(String(one.name)),
    String(one.in),
    typeOf(one.schema as Json),
    cell(String(one.description ?? '')),
  ]);
  const lines = [`### ${operation}\n`, `\`${route.method} ${route.path}\` — ${route.summary}\n`];
  if (rows.length > 0) lines.push(table(['parameter', 'in', 'type', ''], rows));
  lines.push(
    `${[bodyOf(described), answerOf(route, described)].filter((line) => line !== '').join(' ')}\n`,
  );
  return lines.join('\n');
}

function bodyOf(described: Json): string {
  const content = (described.requestBody as Json | undefined)?.content as
    | Record<string, Json>
    | undefined;
  return content === undefined ? '' : `Body: ${contentOf(content)}.`;
}

const STREAMS: Readonly<Record<string, string>> = {
  lines: ', one a line',
  events: ', one an event',
};

function answerOf(route: Route, described: Json): string {
  const answers = Object.entries(described.responses as Record<string, Json>).filter(
    ([status]) => status !== 'default',
  );
  const texts = answers.map(([status, { content }]) =>
    content === undefined ? status : `${status}, ${contentOf(content as Record<string, Json>)}`,
  );
  return `Answer: ${texts.join(' or ')}${STREAMS[route.answer.kind] ?? ''}.`;
}

function contentOf(content: Record<string, Json>): string {
  const [media, { schema } = {}] = Object.entries(content)[0]!;
  return schema === undefined ? code(media) : `${code(media)} of ${typeOf(schema as Json)}`;
}

function messageText(id: string, schema: Json): string {
  const variants = (schema.oneOf ?? schema.anyOf) as Json[] | undefined;
  const tables = (variants ?? [schema]).map(propertiesOf);
  return `### ${id}\n\n${cell(String(schema.description ?? ''))}\n\n${tables.join('\n')}`;
}

function propertiesOf(schema: Json): string {
  const required = (schema.required ?? []) as string[];
  const rows = Object.entries((schema.properties ?? {}) as Record<string, Json>).map(
    ([name, property]) => [
      code(name) + (required.includes(name) ? '' : ' (may be left out)'),
      typeOf(property),
      cell(String(property.description ?? '')),
    ],
  );
  return table(['field', 'type', ''], rows);
}

/** A JSON schema in few words; messages are links. */
function typeOf(schema: Json): string {
  if (typeof schema.$ref === 'string') {
    const id = schema.$ref.split('/').at(-1)!;
    return `[${id}](#${id.toLowerCase()})`;
  }
  const variants = (schema.anyOf ?? schema.oneOf) as Json[] | undefined;
  if (variants) return [...new Set(variants.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (Array.isArray(schema.enum)) return schema.enum.map((one) => code(String(one))).join(', ');
  if (schema.type === 'array') return `list of ${typeOf((schema.items ?? {}) as Json)}`;
  if (schema.type === 'object' && schema.properties === undefined && schema.additionalProperties) {
    return `map to ${typeOf(schema.additionalProperties as Json)}`;
  }
  return String(schema.type ?? 'anything');
}
