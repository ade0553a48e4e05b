/** `POST /v1/embeddings` and `GET /v1/models`, in the shape of the OpenAI API, for clients made for it. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { makeError } from '../../errors';
import type { ServiceContext } from '../context';
import { EmbedRequests, isDataUrl, pictureOf } from '../embed-requests';
import { OPENAI_EMBEDDINGS, OPENAI_MODELS } from '../embed-schemas';

interface Body {
  readonly input: string | readonly string[];
  readonly model?: string;
  readonly encoding_format?: 'float' | 'base64';
  readonly dimensions?: number;
}

export function openAiRoutes(app: FastifyInstance, context: ServiceContext): void {
  const { embeddings, limits } = context;
  const requests = new EmbedRequests(context);
  const { instruction, image } = embeddings.models;
  const isOneModel = instruction.sha256 === image.sha256;

  app.get('/v1/models', { schema: OPENAI_MODELS }, (_request, reply) => {
    reply.header('cache-control', 'no-store');
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
      { schema: OPENAI_EMBEDDINGS, ...requests.largeBody },
      async (request, reply) => {
        const { input, encoding_format: format } = request.body;
        const inputs = typeof input === 'string' ? [input] : input;
        const model = check(request.body, inputs);
        const vectors = await mixed(reply, inputs);
        return {
          object: 'list',
          data: vectors.map((vector, index) => ({
            object: 'embedding',
            index,
            embedding: format === 'base64' ? base64Of(vector) : Array.from(vector),
          })),
          model,
          // Clients expect the fields; tokens are neither counted nor charged here.
          usage: { prompt_tokens: 0, total_tokens: 0 },
        };
      },
    );
  });

  /**
   * A client that names another model would store our vectors under its name, so it is told.
   *
   * @returns the id of the model that answers
   */
  function check({ model, dimensions }: Body, inputs: readonly string[]): string {
    const hasTexts = !inputs.every(isDataUrl);
    const hasImages = inputs.some(isDataUrl);
    if (!isOneModel && hasTexts && hasImages)
      throw makeError(
        'ERR_ARG_RANGE',
        `texts and pictures have models of their own here (${instruction.id}, ${image.id}), whose ` +
          'vectors cannot be compared: send them apart',
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

  /** Texts and pictures apart, their vectors in the order in which they came. */
  async function mixed(
    reply: FastifyReply,
    inputs: readonly string[],
  ): Promise<readonly Float32Array[]> {
    const texts = inputs.filter((input) => !isDataUrl(input));
    const images = inputs
      .filter((input) => isDataUrl(input))
      .map((input) => pictureOf(input, limits.uploadBytes));
    const ofTexts = texts.length === 0 ? [] : [...(await requests.vectorsOf(reply, { texts }))];
    const ofImages = images.length === 0 ? [] : [...(await requests.vectorsOf(reply, { images }))];
    return inputs.map(
      (input) => (isDataUrl(input) ? ofImages.shift() : ofTexts.shift()) as Float32Array,
    );
  }
}

/** Little-endian float32, as the OpenAI API has it. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (let i = 0; i < vector.length; i++) bytes.writeFloatLE(vector[i] as number, i * 4);
  return bytes.toString('base64');
}
