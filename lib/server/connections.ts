/**
 * Sockets: how many in all, how many from one address, and which may be closed without a loss.
 *
 * When there are too many, the newcomer is let in and the one that has been silent for longest goes:
 * a thousand clients that never finish a request then cost the others nothing, while refusing
 * newcomers would lock everybody out until the silent ones time out.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SECURITY_HEADERS } from './headers';
import type { ServerLimits } from './limits';

export interface Connections {
  /** Hangs up on every socket that no request is running on, now and from now on. */
  closeQuiet(): void;
}

export function watchConnections(server: Server, limits: ServerLimits): Connections {
  /** Open sockets, longest unused first. The address is kept: a dead socket does not know its own. */
  const open = new Map<Socket, { readonly address: string; requests: number }>();
  const perAddress = new Map<string, number>();
  let isClosing = false;

  const count = (address: string, change: 1 | -1): void => {
    const now = (perAddress.get(address) ?? 0) + change;
    if (now > 0) perAddress.set(address, now);
    else perAddress.delete(address);
  };
  const forget = (socket: Socket): void => {
    const entry = open.get(socket);
    // Once only: a socket that was hung up on is forgotten before its close event.
    if (entry !== undefined && open.delete(socket)) count(entry.address, -1);
  };
  /** Makes room by hanging up on the longest silent socket; false when all have work. */
  const makeRoom = (address?: string): boolean => {
    for (const [socket, entry] of open) {
      if (entry.requests > 0 || (address !== undefined && entry.address !== address)) continue;
      forget(socket);
      socket.destroy();
      return true;
    }
    return false;
  };
  const isFull = (address: string): boolean => {
    const isLoopback = /^(?:::ffff:)?127\.|^::1$/.test(address);
    const limit = isLoopback ? limits.maxLoopbackConnections : limits.maxConnectionsPerAddress;
    if ((perAddress.get(address) ?? 0) >= limit && !makeRoom(address)) return true;
    return open.size >= limits.maxConnections && !makeRoom();
  };

  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? '';
    if (isClosing || isFull(address)) {
      socket.destroy();
      return;
    }
    open.set(socket, { address, requests: 0 });
    count(address, 1);
    socket.once('close', () => forget(socket));
  });
  server.on('request', ({ socket }, response) => {
    const entry = open.get(socket);
    if (entry === undefined) return;
    entry.requests++;
    response.once('close', () => {
      entry.requests--;
      // Last again: it has just shown that it is in use.
      if (open.delete(socket)) open.set(socket, entry);
      if (isClosing && entry.requests === 0) socket.end();
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
      for (const [socket, { requests }] of open) if (requests === 0) socket.destroy();
    },
  };
}
