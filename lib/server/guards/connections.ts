/**
 * Limits the number of sockets, in all and per address, and closes idle ones first.
 *
 * Above the limit a new socket waits for admission until its first request has arrived. Then it replaces
 * the socket that has been idle longest, so that a thousand clients that never finish a request do no harm.
 * If all sockets are busy or new, the request gets 503: a closed connection would look like a broken
 * server.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SECURITY_HEADERS } from './headers';
import type { ServerLimits } from '../limits';

export interface Connections {
  /** Whether requests on this socket may be answered; false: respond with 503. */
  isAdmitted(socket: Socket): boolean;
  /** Closes every socket without a running request, now and from now on. */
  closeQuiet(): void;
}

export function watchConnections(server: Server, limits: ServerLimits): Connections {
  /** Open sockets, longest idle first. Keeps the address, which a closed socket no longer has. */
  const open = new Map<Socket, { readonly address: string; requests: number; sinceMs: number }>();
  /** Sockets waiting for admission, oldest first, with their timeout. */
  const waiting = new Map<Socket, NodeJS.Timeout>();
  const perAddress = new Map<string, number>();
  let isClosing = false;

  const count = (address: string, change: 1 | -1): void => {
    const now = (perAddress.get(address) ?? 0) + change;
    if (now > 0) perAddress.set(address, now);
    else perAddress.delete(address);
  };
  const forget = (socket: Socket): void => {
    const entry = open.get(socket);
    // Once only: a socket we closed is forgotten before its close event.
    if (entry !== undefined && open.delete(socket)) count(entry.address, -1);
  };
  /** Closes the socket that has been idle longest; false when none may be closed. */
  const makeRoom = (address?: string): boolean => {
    for (const [socket, entry] of open) {
      if (entry.requests > 0 || (address !== undefined && entry.address !== address)) continue;
      // A new socket has had no time to send a request.
      if (performance.now() - entry.sinceMs < limits.silentGraceMs) continue;
      forget(socket);
      socket.destroy();
      return true;
    }
    return false;
  };
  const never = (): boolean => false;
  /** Admits the socket if there is capacity, or if `room` makes some. */
  const admit = (socket: Socket, room: (address?: string) => boolean): boolean => {
    const address = socket.remoteAddress ?? '';
    const isLoopback = /^(?:::ffff:)?127\.|^::1$/.test(address);
    const limit = isLoopback ? limits.maxLoopbackConnections : limits.maxConnectionsPerAddress;
    if ((perAddress.get(address) ?? 0) >= limit && !room(address)) return false;
    if (open.size >= limits.maxConnections && !room()) return false;
    open.set(socket, { address, requests: 0, sinceMs: performance.now() });
    count(address, 1);
    socket.once('close', () => forget(socket));
    return true;
  };
  const leave = (socket: Socket): boolean => {
    clearTimeout(waiting.get(socket));
    return waiting.delete(socket);
  };

  server.on('connection', (socket) => {
    if (isClosing) {
      socket.destroy();
    } else if (!admit(socket, never)) {
      const [longest] = waiting.keys();
      if (waiting.size >= limits.maxConnections) longest?.destroy();
      const timer = setTimeout(() => socket.destroy(), limits.headersTimeoutMs).unref();
      waiting.set(socket, timer);
      socket.once('close', () => leave(socket));
    }
  });
  // Runs before the request handler, which asks `isAdmitted`.
  server.prependListener('request', ({ socket }, response) => {
    if (waiting.has(socket) && admit(socket, makeRoom)) leave(socket);
    const entry = open.get(socket);
    if (entry === undefined) return;
    entry.requests++;
    response.once('close', () => {
      entry.requests--;
      entry.sinceMs = performance.now();
      // Move to the end: it has just been used.
      if (open.delete(socket)) open.set(socket, entry);
      if (isClosing && entry.requests === 0) socket.end();
    });
  });
  // Node would answer unknown `Expect` headers itself, without our headers.
  server.on('checkExpectation', (_request, response) => {
    response.writeHead(417, { ...SECURITY_HEADERS, connection: 'close' }).end();
  });

  return {
    isAdmitted: (socket) => !waiting.has(socket),
    // Node closes only sockets that had a request; browsers open some in advance.
    closeQuiet: () => {
      isClosing = true;
      for (const [socket, { requests }] of open) if (requests === 0) socket.destroy();
      for (const socket of waiting.keys()) socket.destroy();
    },
  };
}
