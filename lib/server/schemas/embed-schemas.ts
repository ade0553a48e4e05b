/** Schemas of the embedding routes. */
import { MAX_TEXT } from '../../base/limits';
import { MAX_EMBED_INPUTS } from '../limits';
import { errors } from './schemas';

const EMBED_TEXT = {
  type: 'string',
  minLength: 1,
  maxLength: MAX_TEXT,
  description: 'A text',
} as const;
/** A picture file as base64 or data URL. The body limit bounds its length. */
const EMBED_IMAGE = {
  type: 'string',
  minLength: 1,
  description: 'A picture file, base64',
} as const;

const many = (items: object): object => ({
  type: 'array',
  items,
  minItems: 1,
  maxItems: MAX_EMBED_INPUTS,
});

const VECTOR = { type: 'array', items: { type: 'number' } } as const;

/** One vector for one input, several for a list. */
const EMBED_ANSWER = {
  type: 'object',
  properties: {
    model: { type: 'string' },
    dim: { type: 'integer' },
    embedding: { ...VECTOR, description: 'Unit length; for one input' },
    embeddings: { type: 'array', items: VECTOR, description: 'In the order of a list of inputs' },
    took_ms: { type: 'number' },
  },
} as const;

export const EMBED_TEXT_POST = {
  operationId: 'embedText',
  tags: ['Embeddings'],
  summary: 'Vectors of texts',
  body: {
    type: 'object',
    additionalProperties: false,
    properties: { text: EMBED_TEXT, texts: many(EMBED_TEXT) },
    oneOf: [{ required: ['text'] }, { required: ['texts'] }],
  },
  response: { 200: EMBED_ANSWER, ...errors },
} as const;

export const EMBED_IMAGE_POST = {
  operationId: 'embedImage',
  tags: ['Embeddings'],
  summary: 'Vectors of pictures: a form, the bytes of a file, or base64 in JSON',
  body: {
    content: {
      'application/json': {
        schema: {
          type: 'object',
          additionalProperties: false,
          properties: { image: EMBED_IMAGE, images: many(EMBED_IMAGE) },
          oneOf: [{ required: ['image'] }, { required: ['images'] }],
        },
      },
      'multipart/form-data': {
        schema: {
          type: ['object', 'null'],
          properties: {
            image: { type: 'string', format: 'binary', description: 'A picture file' },
          },
        },
      },
      'application/octet-stream': { schema: {} },
      'image/*': { schema: {} },
    },
  },
  response: { 200: EMBED_ANSWER, ...errors },
} as const;

export const OPENAI_EMBEDDINGS = {
  operationId: 'embeddings',
  tags: ['Embeddings'],
  summary: 'Vectors in the shape of the OpenAI API; a data URL of a picture counts as a picture',
  body: {
    type: 'object',
    required: ['input'],
    // Clients send further fields here, such as `user`.
    additionalProperties: true,
    properties: {
      input: {
        anyOf: [{ type: 'string', minLength: 1 }, many({ type: 'string', minLength: 1 })],
        description: 'Texts or data URLs of pictures; no token ids',
      },
      model: { type: 'string', maxLength: 256 },
      encoding_format: { type: 'string', enum: ['float', 'base64'] },
      dimensions: { type: 'integer', minimum: 1 },
    },
  },
  response: {
    200: {
      type: 'object',
      properties: {
        object: { type: 'string' },
        data: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              object: { type: 'string' },
              index: { type: 'integer' },
              embedding: { anyOf: [VECTOR, { type: 'string' }] },
            },
          },
        },
        model: { type: 'string' },
        usage: {
          type: 'object',
          properties: { prompt_tokens: { type: 'integer' }, total_tokens: { type: 'integer' } },
        },
      },
    },
    ...errors,
  },
} as const;

export const OPENAI_MODELS = {
  operationId: 'models',
  tags: ['Embeddings'],
  summary: 'The models that embed, in the shape of the OpenAI API',
  querystring: { type: 'object', additionalProperties: false, properties: {} },
  response: {
    200: {
      type: 'object',
      properties: {
        object: { type: 'string' },
        data: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              id: { type: 'string' },
              object: { type: 'string' },
              owned_by: { type: 'string' },
            },
          },
        },
      },
    },
    ...errors,
  },
} as const;

export const INFO = {
  operationId: 'info',
  tags: ['State'],
  summary: 'What this server embeds with, and its limits',
  querystring: { type: 'object', additionalProperties: false, properties: {} },
  response: { 200: { type: 'object', additionalProperties: true }, ...errors },
} as const;
