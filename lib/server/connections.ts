/** Bounds on sockets: how many in all, how many from one address. */
import type { Server } from 'node:http';
import { SECURITY_HEADERS } from './headers';
import type { ServerLimits } from './limits';

export function limitConnections(server: Server, limits: ServerLimits): void {
  server.maxConnections = limits.maxConnections;
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    const isLoopback = /^(?:::ffff:)?127\.|^::1$/.test(address);
    if (count > (isLoopback ? limits.maxLoopbackConnections : limits.maxConnectionsPerAddress)) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  });
  // Node would answer `Expect: something` itself, without our headers.
  server.on('checkExpectation', (_request, response) => {
    response.writeHead(417, { ...SECURITY_HEADERS, connection: 'close' }).end();
  });
}
