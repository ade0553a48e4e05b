/** Which methods an address takes, for 405. Fastify says only that no route has the method. */
import type { FastifyInstance } from 'fastify';

export class AllowedMethods {
  readonly #routes = new Map<string, { readonly path: RegExp; readonly methods: Set<string> }>();

  /** Call before the routes are declared. */
  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method }) => {
      const known = this.#routes.get(url) ?? { path: toPath(url), methods: new Set<string>() };
      for (const one of [method].flat()) known.methods.add(one);
      this.#routes.set(url, known);
    });
  }

  /** @param address  as sent, with or without a query. @returns none for an unknown address */
  of(address: string): string[] {
    const [path = ''] = address.split('?', 1);
    const found = [...this.#routes.values()].filter((route) => route.path.test(path));
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort();
  }
}

/** `/frame/:id` as an expression of linear time. */
function toPath(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}
