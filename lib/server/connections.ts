/** Sockets: how many in all, how many from one address, and which may be closed without a loss. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SECURITY_HEADERS } from './headers';
import type { ServerLimits } from './limits';

export interface Connections {
  /** Hangs up on every socket that no request is running on, now and from now on. */
  closeQuiet(): void;
}

export function watchConnections(server: Server, limits: ServerLimits): Connections {
  server.maxConnections = limits.maxConnections;
  const perAddress = new Map<string, number>();
  /** Open sockets and the requests running on each. */
  const running = new Map<Socket, number>();
  let isClosing = false;

  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (perAddress.get(address) ?? 0) + 1;
    const isLoopback = /^(?:::ffff:)?127\.|^::1$/.test(address);
    const limit = isLoopback ? limits.maxLoopbackConnections : limits.maxConnectionsPerAddress;
    if (isClosing || count > limit) {
      socket.destroy();
      return;
    }
    perAddress.set(address, count);
    running.set(socket, 0);
    socket.once('close', () => {
      running.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left > 0) perAddress.set(address, left);
      else perAddress.delete(address);
    });
  });
  server.on('request', ({ socket }, response) => {
    running.set(socket, (running.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const count = running.get(socket);
      if (count === undefined) return;
      running.set(socket, count - 1);
      if (isClosing && count === 1) socket.end();
    });
  });
  // Node would answer `Expect: something` itself, without our headers.
  server.on('checkExpectation', (_request, response) => {
    response.writeHead(417, { ...SECURITY_HEADERS, connection: 'close' }).end();
  });

  return {
    // Node closes only sockets that had a request already; a browser opens some ahead of need.
    closeQuiet: () => {
      isClosing = true;
      for (const [socket, count] of running) if (count === 0) socket.destroy();
    },
  };
}
