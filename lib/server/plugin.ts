/** The server as a plug-in of somebody's Fastify: one route that hands requests to the handler. */
import type { FastifyPluginAsync, HTTPMethods } from 'fastify';
import { wrongType } from '../base/options';
import type { Library } from '../library/types';
import type { EmbeddingService } from '../service';
import { createHandler, type HandlerOptions } from './handler';

export interface PluginOptions extends Omit<HandlerOptions, 'prefix'> {
  /** What to serve. The program opens and closes it; close it after the app. */
  readonly library: Library | EmbeddingService;
  /** Folder below which the server answers, for example `/photos`; Fastify's own option of `register`. */
  readonly prefix?: string;
}

const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * Serves a library below a prefix of a Fastify app: `app.register(sightlinePlugin, { library, prefix: '/photos' })`.
 * Hooks of the app run first, so that it can ask who it is. Parsers, error handlers and schemas of the app and of
 * the plug-in do not see each other. What `createHandler` says of hosts and tokens holds here too.
 *
 * @throws what `createHandler` throws, when the app gets ready
 */
export const sightlinePlugin: FastifyPluginAsync<PluginOptions> = async (app, options) => {
  const { library, ...rest } = options;
  if (typeof library !== 'object' || library === null)
    throw wrongType('library', 'an open library or embedding service', library);
  // The prefix of the apps around is in it.
  const handler = createHandler(library, { ...rest, prefix: app.prefix });
  app.addHook('onClose', () => handler.close());
  for (const url of app.prefix === '' ? ['/*'] : ['', '/*'])
    app.route({
      method: METHODS,
      url,
      exposeHeadRoute: false,
      // Before the app reads a body.
      onRequest: async (request, reply) => {
        reply.hijack();
        handler(request.raw, reply.raw);
      },
      handler: () => undefined,
    });
};
