/**
 * A hub on this machine: the endpoints that the client asks, small files from the hub itself, large
 * ones by a redirect to a store at another origin, byte ranges, pages, and faults on demand. Keeps a
 * record of every request, so that a test can say who was asked for what, and with which token.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

export interface Asked {
  readonly server: 'hub' | 'store';
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly encoding: string | undefined;
}

/** What goes wrong, the next `times` times that a request matches. */
export interface Fault {
  readonly path: RegExp;
  times: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is cut after this many bytes of the body. */
  readonly cutAfter?: number;
  /** Nothing more comes after this many bytes of the body; `LoopbackHub.stalled` resolves. */
  readonly stallsAfter?: number;
  /** Sent instead of the file. */
  readonly content?: Buffer;
  /** Byte ranges are not understood: everything is sent, with 200. */
  readonly ignoresRanges?: boolean;
  /** Nothing is answered; `LoopbackHub.stalled` resolves. */
  readonly stalls?: boolean;
}

export interface HubContent {
  /** By path. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Overrides of what the listing says of a path. */
  readonly listing?: ReadonlyMap<string, object>;
}

const sha1 = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
/** What git holds in place of a large file: its record has the sum of this, not of the content. */
const pointerTo = (bytes: Buffer): Buffer =>
  Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(bytes)}\nsize ${bytes.length}\n`,
  );
const isLarge = (name: string): boolean => name.endsWith('.onnx') || name.includes('.onnx');

/** All files below a folder, by relative path. */
export function filesBelow(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true }) as string[];
  const files = names.filter((name) => statSync(path.join(folder, name)).isFile());
  return new Map(
    files.map((name) => [name.split(path.sep).join('/'), readFileSync(path.join(folder, name))]),
  );
}

export class LoopbackHub {
  readonly asked: Asked[] = [];
  readonly faults: Fault[] = [];
  /** Repository -> branch or tag -> commit. */
  private readonly refs = new Map<string, Map<string, string>>();
  private readonly commits = new Map<string, HubContent>();
  private readonly blobs = new Map<string, Buffer>();
  private readonly hub: Server;
  private readonly store: Server;
  /** Needs this token when set. */
  token: string | undefined;
  pageSize = 1000;
  private onStalled: () => void = () => undefined;
  readonly stalled = new Promise<void>((resolve) => (this.onStalled = resolve));

  private constructor() {
    this.hub = createServer((request, response) => this.answer('hub', request, response));
    this.store = createServer((request, response) => this.answer('store', request, response));
  }

  static async start(): Promise<LoopbackHub> {
    const hub = new LoopbackHub();
    await Promise.all([listen(hub.hub), listen(hub.store)]);
    return hub;
  }

  get endpoint(): string {
    return originOf(this.hub);
  }

  get storeOrigin(): string {
    return originOf(this.store);
  }

  /** Puts a commit there and lets `revision` mean it. Returns the commit. */
  publish(repository: string, content: HubContent, revision = 'main'): string {
    const state = [...content.files].map(([name, bytes]) => `${name} ${sha256(bytes)}`).join('\n');
    const commit = createHash('sha1').update(`${repository}\n${state}`).digest('hex');
    this.commits.set(`${repository}@${commit}`, content);
    for (const bytes of content.files.values()) this.blobs.set(sha256(bytes), bytes);
    const refs = this.refs.get(repository) ?? new Map<string, string>();
    this.refs.set(repository, refs.set(revision, commit));
    return commit;
  }

  /** Requests for the content of a file, wherever they went. */
  askedFor(name: string): Asked[] {
    const large = [...this.commits.values()].map(({ files }) => files.get(name));
    const sums = large.flatMap((bytes) => (bytes === undefined ? [] : [sha256(bytes)]));
    return this.asked.filter(
      ({ server, path: url }) =>
        (server === 'hub' && url.includes('/resolve/') && url.endsWith(`/${name}`)) ||
        (server === 'store' && sums.some((sum) => url.includes(sum))),
    );
  }

  /** Connections of clients that are open. */
  async connections(): Promise<number> {
    const counts = [this.hub, this.store].map(
      (server) =>
        new Promise<number>((resolve, reject) =>
          server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
        ),
    );
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  /** Ends what stands still: clients try again. */
  cutOff(): void {
    for (const server of [this.hub, this.store]) server.closeAllConnections();
  }

  async close(): Promise<void> {
    await Promise.all(
      [this.hub, this.store].map((server) => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
  }

  private answer(
    server: Asked['server'],
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const url = new URL(request.url ?? '/', 'http://hub');
    const { range, authorization, 'accept-encoding': encoding } = request.headers;
    this.asked.push({ server, path: url.pathname, range, authorization, encoding });
    // A connection that is cut is no error of the test.
    response.on('error', () => undefined);
    const fault = this.faults.find(({ path: at, times }) => times > 0 && at.test(url.pathname));
    if (fault !== undefined) fault.times--;
    if (fault?.stalls === true) return this.onStalled();
    if (fault?.status !== undefined) {
      response.writeHead(fault.status, fault.headers).end('not today');
      return;
    }
    if (fault?.stallsAfter !== undefined) setTimeout(this.onStalled, 50);
    if (server === 'store') return this.sendBlob(url, request, response, fault);
    if (this.token !== undefined && authorization !== `Bearer ${this.token}`) {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: 'Invalid credentials' }));
      return;
    }
    if (!this.answerHub(url, request, response, fault)) response.writeHead(404).end('{}');
  }

  private answerHub(
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
  ): boolean {
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const [repository, revision] = api ? [api[1], api[3]] : [file?.[1], file?.[2]];
    const asked = decodeURIComponent(revision ?? '');
    const commit = this.refs.get(repository ?? '')?.get(asked) ?? asked;
    const content = this.commits.get(`${repository}@${commit}`);
    if (content === undefined) return false;
    if (api?.[2] === 'revision') {
      const shared = { private: false, gated: false, downloads: 1, likes: 1 };
      json(response, { _id: '1', id: repository, sha: commit, lastModified: 0, ...shared });
      return true;
    }
    if (api) {
      this.sendTree(url, request, response, content, fault);
      return true;
    }
    const name = decodeURIComponent(file?.[3] ?? '');
    const bytes = content.files.get(name);
    if (bytes === undefined) return false;
    if (isLarge(name)) {
      // As the hub does: a signed address at another host, which needs no token.
      const location = `${this.storeOrigin}/store/${sha256(bytes)}?signature=x`;
      response.writeHead(302, { location }).end();
    } else sendBytes(request, response, bytes, fault);
    return true;
  }

  private sendTree(
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
    content: HubContent,
    fault: Fault | undefined,
  ): void {
    const all = [...content.files].map(([name, bytes]) => ({
      type: 'file',
      path: name,
      oid: sha1(isLarge(name) ? pointerTo(bytes) : bytes),
      size: bytes.length,
      ...(isLarge(name) && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }),
      ...content.listing?.get(name),
    }));
    const entries = [{ type: 'directory', path: 'onnx', oid: '0'.repeat(40), size: 0 }, ...all];
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const next = from + this.pageSize;
    if (next < entries.length) {
      url.searchParams.set('cursor', String(next));
      const link = `<${this.endpoint}${url.pathname}${url.search}>; rel="next"`;
      response.setHeader('link', link);
    }
    response.setHeader('content-type', 'application/json');
    sendBytes(request, response, Buffer.from(JSON.stringify(entries.slice(from, next))), fault);
  }

  private sendBlob(
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
  ): void {
    const bytes = this.blobs.get(/^\/store\/([0-9a-f]{64})$/.exec(url.pathname)?.[1] ?? '');
    if (bytes === undefined) response.writeHead(404).end();
    else sendBytes(request, response, bytes, fault);
  }
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  whole: Buffer,
  fault: Fault | undefined,
): void {
  const all = fault?.content ?? whole;
  const wanted = fault?.ignoresRanges ? undefined : request.headers.range;
  const from = Number(/^bytes=(\d+)-$/.exec(wanted ?? '')?.[1] ?? 0);
  if (wanted !== undefined && from >= all.length) {
    response.writeHead(416, { 'content-range': `bytes */${all.length}` }).end();
    return;
  }
  const bytes = all.subarray(from);
  const range = `bytes ${from}-${all.length - 1}/${all.length}`;
  response.writeHead(wanted === undefined ? 200 : 206, {
    'content-length': bytes.length,
    ...(wanted !== undefined && { 'content-range': range }),
  });
  if (fault?.stallsAfter !== undefined) response.write(bytes.subarray(0, fault.stallsAfter));
  else if (fault?.cutAfter === undefined) response.end(bytes);
  else
    response.write(bytes.subarray(0, fault.cutAfter), () => {
      // After the bytes have left: a cut before that would be another fault.
      response.socket?.end(() => response.destroy());
    });
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
