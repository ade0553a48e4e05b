/** `GET /search`, `POST /search`, `GET /similar/:frame_id`. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { SearchOptions, SearchQuery, SearchResponse } from '../../base/types';
import { clientGone, type ServerContext } from '../context';
import { toOptions, type FilterFields, type OptionFields } from '../schemas/query-input';
import { SEARCH, SEARCH_POST, SIMILAR } from '../schemas/schemas';
import { readUpload } from '../http/upload';

type JsonQuery = OptionFields & {
  readonly text?: string;
  readonly frame?: number;
  readonly vector?: readonly number[];
  readonly filters?: FilterFields;
};

export function searchRoutes(app: FastifyInstance, context: ServerContext): void {
  const { library, searches, uploads, limits, readiness } = context;

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

  app.post<{ Body: JsonQuery | undefined }>(
    '/search',
    { schema: SEARCH_POST },
    async (request, reply) => {
      if (request.isMultipart()) {
        // The slot is held until the response, as long as the bytes are in memory.
        return uploads.run(async () => {
          const { image, fields } = await readUpload(request, limits.uploadBytes);
          return answer(reply, { image }, toOptions(fields, fields));
        }, clientGone(reply));
      }
      const { text, frame, vector, filters, ...fields } = request.body ?? {};
      const query: SearchQuery = {
        text,
        frame,
        vector: vector && Float32Array.from(vector),
      };
      return answer(reply, query, toOptions(fields, filters));
    },
  );
}
