/** HTTP as programs and attackers speak it: addresses and headers go out exactly as given. */
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  json<T = Record<string, unknown>>(): T;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
}

/** One request on a connection of its own. The path is not normalised, Host can be set. */
export function ask(port: number, path: string, options: AskOptions = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, path, method, headers, agent: false },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: bytes,
            text: bytes.toString(),
            json: () => JSON.parse(bytes.toString()) as never,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export const askJson = (
  port: number,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  ask(port, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

/** A multipart body with text fields and one file. */
export function form(
  fields: Readonly<Record<string, string>>,
  file?: { name: string; bytes: Uint8Array; filename?: string },
): { headers: Record<string, string>; body: Buffer } {
  const boundary = 'seventeen-squirrels';
  const parts: Buffer[] = Object.entries(fields).map(([name, value]) =>
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    ),
  );
  if (file !== undefined) {
    const head = `content-disposition: form-data; name="${file.name}"; filename="${file.filename ?? 'p.jpg'}"`;
    parts.push(
      Buffer.from(`--${boundary}\r\n${head}\r\ncontent-type: image/jpeg\r\n\r\n`),
      Buffer.from(file.bytes),
      Buffer.from('\r\n'),
    );
  }
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

/**
 * Sends bytes and resolves with whatever came back once the other side hung up.
 *
 * @param linger  keep our side open until the server closes; otherwise we end after sending
 */
export function exchange(port: number, bytes: string | Buffer, linger = true): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      if (linger) socket.write(bytes);
      else socket.end(bytes);
    });
    let received = '';
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    // A reset is an answer too: the server hung up on us.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(received));
  });
}
