/** `POST /embed/text` and `POST /embed/image`: the embedding service over HTTP. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ServiceContext } from '../context';
import { checkSize, EmbedRequests, pictureOf } from '../http/embed-requests';
import { EMBED_IMAGE_POST, EMBED_TEXT_POST } from '../schemas/embed-schemas';
import { readUpload, takePictures } from '../http/upload';

interface Answer {
  readonly model: string;
  readonly dim: number;
  readonly embedding?: number[];
  readonly embeddings?: number[][];
  readonly took_ms: number;
}

export function embedRoutes(app: FastifyInstance, context: ServiceContext): void {
  const { embeddings, limits } = context;
  const requests = new EmbedRequests(context);

  async function answer(
    reply: FastifyReply,
    inputs: { readonly texts: readonly string[] } | { readonly images: readonly Uint8Array[] },
    isList: boolean,
    started: number,
  ): Promise<Answer> {
    const kind = 'texts' in inputs ? 'instruction' : 'image';
    const { vectors } = await requests.vectorsOf(reply, inputs);
    const rows = vectors.map((vector) => Array.from(vector));
    return {
      model: embeddings.models[kind].id,
      dim: vectors[0]?.length ?? 0,
      ...(isList ? { embeddings: rows } : { embedding: rows[0] ?? [] }),
      took_ms: Math.round((performance.now() - started) * 1000) / 1000,
    };
  }

  app.post<{ Body: { text?: string; texts?: string[] } }>(
    '/embed/text',
    { schema: EMBED_TEXT_POST },
    (request, reply) => {
      const { text, texts } = request.body;
      const inputs = { texts: texts ?? [text ?? ''] };
      return answer(reply, inputs, texts !== undefined, performance.now());
    },
  );

  void app.register(async (large) => {
    takePictures(large, limits.uploadBytes);
    large.post<{ Body: Buffer | { image?: string; images?: string[] } | null }>(
      '/embed/image',
      { schema: EMBED_IMAGE_POST, ...requests.largeBody },
      async (request, reply) => {
        const started = performance.now();
        const { body } = request;
        if (request.isMultipart()) {
          const { image } = await readUpload(request, limits.uploadBytes);
          return answer(reply, { images: [image] }, false, started);
        }
        if (Buffer.isBuffer(body)) {
          checkSize(body, limits.uploadBytes);
          return answer(reply, { images: [body] }, false, started);
        }
        const { image, images } = body ?? {};
        const files = (images ?? [image ?? '']).map((text) => pictureOf(text, limits.uploadBytes));
        return answer(reply, { images: files }, images !== undefined, started);
      },
    );
  });
}
