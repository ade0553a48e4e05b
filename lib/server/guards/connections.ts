/**
 * Sockets: how many in all, how many from one address, and which may be closed without a loss.
 *
 * When there are too many, a newcomer waits at the door until its first request has arrived. Then the one
 * that has been silent for longest goes and the newcomer takes its place: a thousand clients that never
 * finish a request cost the others nothing. Where all are at work, or came only now, the newcomer is told
 * to come again (503): hanging up would look like a broken server to it.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SECURITY_HEADERS } from './headers';
import type { ServerLimits } from '../limits';

export interface Connections {
  /** Whether requests on this socket may be answered; false: it has no place, tell it to come again. */
  isAdmitted(socket: Socket): boolean;
  /** Hangs up on every socket that no request is running on, now and from now on. */
  closeQuiet(): void;
}

export function watchConnections(server: Server, limits: ServerLimits): Connections {
  /** Open sockets, longest unused first. The address is kept: a dead socket does not know its own. */
  const open = new Map<Socket, { readonly address: string; requests: number; sinceMs: number }>();
  /** For which there was no place when they came, oldest first, with the time at which they are given up. */
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
    // Once only: a socket that was hung up on is forgotten before its close event.
    if (entry !== undefined && open.delete(socket)) count(entry.address, -1);
  };
  /** Makes room by hanging up on the longest silent socket; false when all have work. */
  const makeRoom = (address?: string): boolean => {
    for (const [socket, entry] of open) {
      if (entry.requests > 0 || (address !== undefined && entry.address !== address)) continue;
      // One that came only now has had no time to ask.
      if (performance.now() - entry.sinceMs < limits.silentGraceMs) continue;
      forget(socket);
      socket.destroy();
      return true;
    }
    return false;
  };
  const never = (): boolean => false;
  /** Takes the socket in where there is a place, or where `room` makes one. */
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
  // Before the handler of requests, which asks `isAdmitted`.
  server.prependListener('request', ({ socket }, response) => {
    if (waiting.has(socket) && admit(socket, makeRoom)) leave(socket);
    const entry = open.get(socket);
    if (entry === undefined) return;
    entry.requests++;
    response.once('close', () => {
      entry.requests--;
      entry.sinceMs = performance.now();
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
    isAdmitted: (socket) => !waiting.has(socket),
    // Node closes only sockets that had a request already; a browser opens some ahead of need.
    closeQuiet: () => {
      isClosing = true;
      for (const [socket, { requests }] of open) if (requests === 0) socket.destroy();
      for (const socket of waiting.keys()) socket.destroy();
    },
  };
}
