/** A forward proxy that tunnels (CONNECT) and writes down to where. */
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';

export interface TinyProxy {
  readonly url: string;
  /** `host:port` of every tunnel. */
  readonly tunnels: string[];
  close(): Promise<void>;
}

/** @param names `host:port` that a client asks for -> where the tunnel leads instead */
export async function startProxy(names: Readonly<Record<string, string>> = {}): Promise<TinyProxy> {
  const tunnels: string[] = [];
  const server = createServer((_, response) => response.writeHead(405).end());
  server.on('connect', (request, socket, head) => {
    const target = request.url ?? '';
    tunnels.push(target);
    const [host, port] = (names[target] ?? target).split(':');
    const out = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      out.write(head);
      out.pipe(socket);
      socket.pipe(out);
    });
    for (const [end, other] of [[out, socket] as const, [socket, out] as const]) {
      end.on('error', () => other.destroy());
      end.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tunnels,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
