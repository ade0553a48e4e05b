/** `POST /v1/embeddings` and `GET /v1/models` in the format of the OpenAI API, for its clients. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { makeError } from '../../base/errors';
import type { ServiceContext } from '../context';
import { EmbedRequests, isDataUrl, pictureOf } from '../http/embed-requests';
import { OPENAI_EMBEDDINGS, OPENAI_MODELS } from '../schemas/embed-schemas';

interface Body {
  readonly input: string | readonly string[];
  readonly model?: string;
  readonly encoding_format?: 'float' | 'base64';
  readonly dimensions?: number;
}

export function openAiRoutes(app: FastifyInstance, context: ServiceContext): void {
  const { embeddings, limits } = context;
  const requests = new EmbedRequests(context);
  app.get('/v1/models', { schema: OPENAI_MODELS }, (_request, reply) => {
    reply.header('cache-control', 'no-store');
    const { instruction, image } = embeddings.models;
    const data = [...new Set([instruction.id, image.id])].map((id) => ({
      id,
      object: 'model',
      owned_by: 'sightline',
    }));
    return { object: 'list', data };
  });

  void app.register(async (large) => {
    large.post<{ Body: Body }>(
      '/v1/embeddings',
      { schema: OPENAI_EMBEDDINGS, ...requests.largeBody, preValidation: refuseTokens },
      async (request, reply) => {
        const { input, encoding_format: format } = request.body;
        const inputs = typeof input === 'string' ? [input] : input;
        const model = check(request.body, inputs);
        const { vectors, tokens } = await mixed(reply, inputs);
        return {
          object: 'list',
          data: vectors.map((vector, index) => ({
            object: 'embedding',
            index,
            embedding: format === 'base64' ? base64Of(vector) : Array.from(vector),
          })),
          model,
          // Tokens that the model read: cached texts cost none.
          usage: { prompt_tokens: tokens, total_tokens: tokens },
        };
      },
    );
  });

  /**
   * A client that names another model would store our vectors under its name: refuse.
   *
   * @returns the id of the model used
   */
  function check({ model, dimensions }: Body, inputs: readonly string[]): string {
    const { instruction, image } = embeddings.models;
    const isOneModel = instruction.sha256 === image.sha256;
    const hasTexts = !inputs.every(isDataUrl);
    const hasImages = inputs.some(isDataUrl);
    if (!isOneModel && hasTexts && hasImages)
      throw makeError(
        'ERR_ARG_RANGE',
        `texts and pictures have models of their own here (${instruction.id}, ${image.id}), whose ` +
          'vectors cannot be compared: send them in separate requests',
      );
    const [ours, dim] = hasTexts
      ? [instruction, embeddings.instructionDim]
      : [image, embeddings.imageDim];
    if (model !== undefined && model !== ours.id)
      throw makeError(
        'ERR_NOT_FOUND',
        `there is no model "${model}" for this input; it is embedded by "${ours.id}" (GET /v1/models)`,
        { details: { model, available: ours.id } },
      );
    if (dimensions !== undefined && dimensions !== dim)
      throw makeError(
        'ERR_ARG_RANGE',
        `dimensions must be ${dim} or left out: this model makes vectors of that length only`,
      );
    return ours.id;
  }

  /** Embeds texts and pictures separately; returns the vectors in the order of the inputs. */
  async function mixed(
    reply: FastifyReply,
    inputs: readonly string[],
  ): Promise<{ vectors: readonly Float32Array[]; tokens: number }> {
    const texts = inputs.filter((input) => !isDataUrl(input));
    const images = inputs
      .filter((input) => isDataUrl(input))
      .map((input) => pictureOf(input, limits.uploadBytes));
    const none = { vectors: [], tokens: 0 };
    const ofTexts = texts.length === 0 ? none : await requests.vectorsOf(reply, { texts });
    const ofImages = images.length === 0 ? none : await requests.vectorsOf(reply, { images });
    const [nextText, nextImage] = [ofTexts, ofImages].map(({ vectors }) => vectors.values());
    const vectors = inputs.map(
      (input) => (isDataUrl(input) ? nextImage : nextText)?.next().value as Float32Array,
    );
    return { vectors, tokens: ofTexts.tokens };
  }
}

/**
 * Some clients send token ids of OpenAI's tokenizer, which mean other words to every other one.
 *
 * @throws ERR_ARG_TYPE
 */
async function refuseTokens({ body }: { readonly body: unknown }): Promise<void> {
  const { input } = (body ?? {}) as { readonly input?: unknown };
  const first: unknown = Array.isArray(input) ? input[0] : undefined;
  if (typeof first !== 'number' && !Array.isArray(first)) return;
  throw makeError(
    'ERR_ARG_TYPE',
    'input holds token ids, but this model has a tokenizer of its own: send texts ' +
      '(LangChain: check_embedding_ctx_length=False)',
  );
}

/** Little-endian float32, as in the OpenAI API. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (let i = 0; i < vector.length; i++) bytes.writeFloatLE(vector[i] as number, i * 4);
  return bytes.toString('base64');
}
