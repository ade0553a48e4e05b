/** `GET /search`, `POST /search`, `GET /similar/:frame_id`. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { makeError } from '../../base/errors';
import type { SearchOptions, SearchQuery, SearchResponse } from '../../base/types';
import { clientGone, type ServerContext } from '../context';
import { toOptions, type FilterFields, type OptionFields } from '../schemas/query-input';
import { SEARCH, SEARCH_POST, SIMILAR } from '../schemas/schemas';
import { readUpload, takePictures, uploadSlot } from '../http/upload';

type JsonQuery = OptionFields & {
  readonly text?: string;
  /** The same, as `GET /search` calls it. */
  readonly q?: string;
  readonly frame?: number;
  readonly vector?: readonly number[];
  readonly filters?: FilterFields;
};

export function searchRoutes(app: FastifyInstance, context: ServerContext): void {
  const { library, searches, limits, readiness } = context;

  async function answer(
    reply: FastifyReply,
    query: SearchQuery,
    options: SearchOptions,
  ): Promise<SearchResponse> {
    const { metrics } = library.embeddings;
    const end = metrics.searchSeconds.startTimer();
    const found = await searches.run(() => library.search(query, options), clientGone(reply));
    end();
    metrics.searchResults.observe(found.results.length);
    readiness.recovered();
    // The next sync may change the result, and queries are private: do not cache.
    reply.header('cache-control', 'no-store');
    return found;
  }

  app.get<{ Querystring: { q: string } & OptionFields & FilterFields }>(
    '/search',
    { schema: SEARCH },
    (request, reply) => {
      const { q, ...fields } = request.query;
      return answer(reply, { text: q }, toOptions(fields, fields));
    },
  );

  app.get<{ Params: { frame_id: string }; Querystring: OptionFields & FilterFields }>(
    '/similar/:frame_id',
    { schema: SIMILAR },
    (request, reply) =>
      answer(
        reply,
        { frame: Number(request.params.frame_id) },
        toOptions(request.query, request.query),
      ),
  );

  void app.register(async (large) => {
    takePictures(large, limits.uploadBytes);

    large.post<{
      Body: Buffer | JsonQuery | undefined;
      Querystring: OptionFields & FilterFields;
    }>(
      '/search',
      { schema: SEARCH_POST, onRequest: uploadSlot(context) },
      async (request, reply) => {
        const { body } = request;
        if (Buffer.isBuffer(body))
          return answer(reply, { image: body }, toOptions(request.query, request.query));
        if (request.originalUrl.includes('?'))
          throw makeError(
            'ERR_ARG_TYPE',
            'options of a JSON query or a form are fields of it; only a picture as the body takes them from the address',
          );
        if (request.isMultipart()) {
          const { image, fields } = await readUpload(request, limits.uploadBytes);
          return answer(reply, { image }, toOptions(fields, fields));
        }
        const { text, q, frame, vector, filters, ...fields } = body ?? {};
        if (text !== undefined && q !== undefined)
          throw makeError('ERR_ARG_TYPE', 'q and text mean the same: send one of them');
        const query: SearchQuery = {
          text: text ?? q,
          frame,
          vector: vector && Float32Array.from(vector),
        };
        return answer(reply, query, toOptions(fields, filters));
      },
    );
  });
}
