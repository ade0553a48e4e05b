/**
 * The HTTP API as one page of HTML, made from the OpenAPI description: no script, nothing to load. Its
 * style is inside, allowed by its hash.
 */
import { createHash } from 'node:crypto';

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly format?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}
type Content = Readonly<Record<string, { readonly schema?: Schema }>>;
interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: { readonly content?: Content };
  readonly responses?: Readonly<
    Record<string, { readonly description?: string; readonly content?: Content }>
  >;
}
export interface ApiDescription {
  readonly info: { readonly title: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const STYLE = `
:root{color-scheme:light dark;--ground:#f7f8f8;--surface:#fff;--line:#dfe4e5;--text:#14191b;--quiet:#566165;--accent:#0b6f65}
@media(prefers-color-scheme:dark){:root{--ground:#0c0f11;--surface:#15191c;--line:#2a3237;--text:#eef2f3;--quiet:#9aa7ac;--accent:#5eead4}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:15px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
main{max-width:920px;margin:0 auto;padding:40px 20px 80px}
h1{margin:0 0 8px;font-size:32px;letter-spacing:-.02em}h2{margin:44px 0 12px;font-size:20px}
h3{margin:18px 0 6px;font-size:13px;color:var(--quiet)}
p{margin:0 0 14px;max-width:70ch}a{color:var(--accent)}
details{margin:10px 0;border:1px solid var(--line);border-radius:12px;background:var(--surface)}
summary{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 12px;padding:12px 16px;cursor:pointer}
summary b{min-width:46px;font:700 12px ui-monospace,Menlo,Consolas,monospace;color:var(--accent)}
summary span{color:var(--quiet)}
code,pre{font:13.5px/1.5 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{margin:0;padding:10px 14px;overflow:auto;border-radius:8px;background:var(--ground)}
.in{padding:0 16px 18px;overflow-x:auto}
table{width:100%;border-collapse:collapse}td{padding:7px 12px 7px 0;border-top:1px solid var(--line);vertical-align:top}
td:nth-child(2){color:var(--quiet);white-space:nowrap}
:focus-visible{outline:2.5px solid var(--accent);outline-offset:2px}`;

/** Value of Content-Security-Policy: this style, nothing else. */
export const DOCS_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** @param origin  address of the server for examples, for example `http://localhost:8000` */
export function docsPage(api: ApiDescription, origin: string): string {
  const groups = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(api.paths ?? {}))
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'Other';
      const list = groups.get(tag) ?? [];
      list.push(endpoint(method.toUpperCase(), path, operation, origin));
      groups.set(tag, list);
    }
  const sections = [...groups].map(([tag, list]) => `<h2>${esc(tag)}</h2>${list.join('')}`);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${esc(api.info.title)}: HTTP API</title><style>${STYLE}</style></head><body><main>
<h1>HTTP API</h1>
<p>${esc(api.info.description ?? '')}. For programs: <a href="openapi.json">openapi.json</a>.</p>
<p>A server with a token takes it as <code>Authorization: Bearer TOKEN</code>. An error is <code>{"error": {"code", "message", "request_id"}}</code>; codes are permanent.</p>
${sections.join('\n')}
</main></body></html>`;
}

function endpoint(method: string, path: string, operation: Operation, origin: string): string {
  const { parameters = [], requestBody, responses = {} } = operation;
  const bodies = Object.entries(requestBody?.content ?? {});
  const parts = [`<pre tabindex="0">${esc(example(method, path, operation, origin))}</pre>`];
  if (parameters.length > 0) {
    const rows = parameters.map(({ name, in: place, required, description, schema = {} }) =>
      row(`${name}${required === true ? ' *' : ''}`, `${place}, ${typeOf(schema)}`, {
        ...schema,
        description: description ?? schema.description,
      }),
    );
    parts.push(`<h3>Parameters</h3><table>${rows.join('')}</table>`);
  }
  for (const [type, { schema = {} }] of bodies)
    parts.push(`<h3>Body: ${esc(type)}</h3>${fields(schema)}`);
  for (const [status, { description, content = {} }] of Object.entries(responses)) {
    if (!/^[23]/.test(status)) continue;
    const what = Object.entries(content).map(([type, { schema = {} }]) => {
      return `<h3>${esc(status)}: ${esc(type)}</h3>${fields(schema)}`;
    });
    parts.push(
      what.length > 0 ? what.join('') : `<h3>${esc(status)}: ${esc(description ?? '')}</h3>`,
    );
  }
  return `<details id="${esc(operation.operationId ?? '')}"><summary><b>${method}</b><code>${esc(path)}</code><span>${esc(operation.summary ?? '')}</span></summary><div class="in">${parts.join('')}</div></details>`;
}

/** A request as a shell line; what has to be filled in is in capitals. */
function example(method: string, path: string, operation: Operation, origin: string): string {
  const query = (operation.parameters ?? [])
    .filter((parameter) => parameter.in === 'query' && parameter.required === true)
    .map(({ name }) => `${name}=${name.toUpperCase()}`)
    .join('&');
  const address = `${origin}${path.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase())}`;
  const [type] = Object.keys(operation.requestBody?.content ?? {});
  const body = type === 'application/json' ? ` -H 'content-type: ${type}' -d JSON` : '';
  return `curl ${method === 'GET' ? '' : `-X ${method} `}'${address}${query === '' ? '' : `?${query}`}'${body}`;
}

function fields(schema: Schema): string {
  const shape = schema.items?.properties === undefined ? schema : schema.items;
  const names = Object.entries(shape.properties ?? {});
  if (names.length === 0) return `<table>${row('', typeOf(schema), schema)}</table>`;
  const rows = names.flatMap(([name, field]) => {
    const mark = shape.required?.includes(name) === true ? ' *' : '';
    const inner = Object.entries(field.items?.properties ?? field.properties ?? {});
    return [
      row(name + mark, typeOf(field), field),
      ...inner.map(([sub, part]) => row(`${name}.${sub}`, typeOf(part), part)),
    ];
  });
  return `<table>${rows.join('')}</table>`;
}

const row = (name: string, type: string, schema: Schema): string =>
  `<tr><td><code>${esc(name)}</code></td><td>${esc(type)}</td><td>${esc(notesOf(schema))}</td></tr>`;

function typeOf(schema: Schema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.format === 'binary') return 'bytes';
  const type = [schema.type ?? 'any'].flat().join(' or ');
  return type === 'array' ? `list of ${typeOf(schema.items ?? {})}` : type;
}

function notesOf(schema: Schema): string {
  const { minimum, maximum, maxLength, maxItems } = schema;
  const notes = [
    schema.description,
    schema.enum === undefined ? undefined : `one of ${schema.enum.join(', ')}`,
    minimum === undefined || maximum === undefined ? undefined : `${minimum} to ${maximum}`,
    maxLength === undefined ? undefined : `at most ${maxLength} characters`,
    maxItems === undefined ? undefined : `at most ${maxItems}`,
    schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`,
  ];
  return notes.filter((note) => note !== undefined).join('; ');
}

const esc = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
