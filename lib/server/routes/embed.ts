/** `POST /embed/text`, `POST /embed/image`, `POST /v1/embeddings`: the embedding service over HTTP. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { makeError } from '../../errors';
import { clientGone, type ServerContext } from '../context';
import { EMBED_IMAGE_POST, EMBED_TEXT_POST, OPENAI_EMBEDDINGS } from '../schemas';
import { readUpload } from '../upload';

/** Base64 takes four characters for three bytes; some more for the JSON around it. */
const BASE64_SHARE = 4 / 3;
const JSON_AROUND = 64 * 1024;
const DATA_URL = /^data:image\/[\w.+-]{1,64};base64,/i;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

interface Answer {
  readonly model: string;
  readonly dim: number;
  readonly embedding?: number[];
  readonly embeddings?: number[][];
  readonly took_ms: number;
}

interface OpenAiBody {
  readonly input: string | readonly string[];
  readonly encoding_format?: 'float' | 'base64';
  readonly dimensions?: number;
}

export function embedRoutes(app: FastifyInstance, context: ServerContext): void {
  const { library, embeds, uploads, limits } = context;
  const bodyLimit = Math.ceil(limits.uploadBytes * BASE64_SHARE) + JSON_AROUND;

  async function vectorsOf(
    reply: FastifyReply,
    inputs: { readonly texts?: readonly string[]; readonly images?: readonly Uint8Array[] },
  ): Promise<readonly Float32Array[]> {
    const signal = clientGone(reply);
    const { textEmbeddings, imageEmbeddings } = await embeds.run(
      () => library.embeddings.batchGenerateEmbeddings(inputs, { signal }),
      signal,
    );
    context.readiness.recovered();
    // Texts and pictures are nobody's business.
    reply.header('cache-control', 'no-store');
    return inputs.texts === undefined ? imageEmbeddings : textEmbeddings;
  }

  function answerOf(vectors: readonly Float32Array[], isList: boolean, started: number): Answer {
    const rows = vectors.map((vector) => Array.from(vector));
    return {
      model: library.model.id,
      dim: vectors[0]?.length ?? 0,
      ...(isList ? { embeddings: rows } : { embedding: rows[0] ?? [] }),
      took_ms: Math.round((performance.now() - started) * 1000) / 1000,
    };
  }

  /**
   * Large bodies are read only by those who have a place, so that memory is bounded; the place is held
   * until the answer is out or the client gone.
   */
  const holdPlace = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const length = Number(request.headers['content-length'] ?? Number.NaN);
    // Texts are small: they must not wait for pictures, and share calls of the model.
    if (length <= limits.jsonBytes) return;
    await new Promise<void>((enter, refuse) => {
      const work = (): Promise<void> => {
        enter();
        return new Promise((leave) => reply.raw.once('close', leave));
      };
      uploads.run(work, clientGone(reply)).catch(refuse);
    });
  };

  app.post<{ Body: { text?: string; texts?: string[] } }>(
    '/embed/text',
    { schema: EMBED_TEXT_POST },
    async (request, reply) => {
      const started = performance.now();
      const { text, texts } = request.body;
      const vectors = await vectorsOf(reply, { texts: texts ?? [text ?? ''] });
      return answerOf(vectors, texts !== undefined, started);
    },
  );

  void app.register(async (large) => {
    for (const type of ['application/octet-stream', /^image\//]) {
      large.addContentTypeParser(
        type,
        { parseAs: 'buffer', bodyLimit: limits.uploadBytes },
        (_request, body, done) => done(null, body),
      );
    }

    large.post<{ Body: Buffer | { image?: string; images?: string[] } | null }>(
      '/embed/image',
      { schema: EMBED_IMAGE_POST, bodyLimit, onRequest: holdPlace },
      async (request, reply) => {
        const started = performance.now();
        const { body } = request;
        if (request.isMultipart()) {
          const { image } = await readUpload(request, limits.uploadBytes);
          return answerOf(await vectorsOf(reply, { images: [image] }), false, started);
        }
        if (Buffer.isBuffer(body)) {
          checkSize(body, limits.uploadBytes);
          return answerOf(await vectorsOf(reply, { images: [body] }), false, started);
        }
        const { image, images } = body ?? {};
        const files = (images ?? [image ?? '']).map((text) => pictureOf(text, limits.uploadBytes));
        const vectors = await vectorsOf(reply, { images: files });
        return answerOf(vectors, images !== undefined, started);
      },
    );

    large.post<{ Body: OpenAiBody }>(
      '/v1/embeddings',
      { schema: OPENAI_EMBEDDINGS, bodyLimit, onRequest: holdPlace },
      async (request, reply) => {
        const { input, encoding_format: format, dimensions } = request.body;
        const inputs = typeof input === 'string' ? [input] : input;
        const dim = library.embeddings.instructionDim;
        if (dimensions !== undefined && dimensions !== dim)
          throw makeError(
            'ERR_ARG_RANGE',
            `dimensions must be ${dim} or left out: this model makes vectors of that length only`,
          );
        const vectors = await mixed(inputs, limits.uploadBytes, (kinds) => vectorsOf(reply, kinds));
        return {
          object: 'list',
          data: vectors.map((vector, index) => ({
            object: 'embedding',
            index,
            embedding: format === 'base64' ? base64Of(vector) : Array.from(vector),
          })),
          model: library.model.id,
          // Clients expect the fields; tokens are neither counted nor charged here.
          usage: { prompt_tokens: 0, total_tokens: 0 },
        };
      },
    );
  });
}

/** Texts and pictures apart, their vectors in the order in which they came. */
async function mixed(
  inputs: readonly string[],
  maxBytes: number,
  embed: (inputs: { texts?: string[]; images?: Uint8Array[] }) => Promise<readonly Float32Array[]>,
): Promise<readonly Float32Array[]> {
  const isPicture = inputs.map((input) => DATA_URL.test(input));
  const texts = inputs.filter((_, i) => isPicture[i] !== true);
  const images = inputs
    .filter((_, i) => isPicture[i] === true)
    .map((input) => pictureOf(input, maxBytes));
  const ofTexts = texts.length === 0 ? [] : [...(await embed({ texts }))];
  const ofImages = images.length === 0 ? [] : [...(await embed({ images }))];
  return isPicture.map((is) => (is ? ofImages.shift() : ofTexts.shift()) as Float32Array);
}

/** @throws ERR_ARG_TYPE | ERR_REQUEST_LIMIT */
function pictureOf(text: string, maxBytes: number): Buffer {
  const base64 = text.replace(DATA_URL, '');
  if (!BASE64.test(base64))
    throw makeError('ERR_ARG_TYPE', 'a picture in JSON is the base64 of its file, or a data URL');
  const bytes = Buffer.from(base64, 'base64');
  checkSize(bytes, maxBytes);
  return bytes;
}

/** The body's own limit has room for base64. @throws ERR_REQUEST_LIMIT */
function checkSize(bytes: Buffer, maxBytes: number): void {
  if (bytes.length > maxBytes)
    throw makeError('ERR_REQUEST_LIMIT', `a picture has at most ${maxBytes} bytes`);
}

/** Little-endian float32, as the OpenAI API has it. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (let i = 0; i < vector.length; i++) bytes.writeFloatLE(vector[i] as number, i * 4);
  return bytes.toString('base64');
}
