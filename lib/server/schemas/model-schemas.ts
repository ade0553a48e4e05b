/** Schemas of the routes that change the model. */
import { errors } from './schemas';

const NO_FIELDS = { type: 'object', additionalProperties: false, properties: {} } as const;
const MODEL = { type: 'string', description: 'The model for photographs' } as const;

export const MODEL_GET = {
  operationId: 'offeredModel',
  tags: ['Model'],
  summary: 'The model that suits these photographs, and what it costs',
  querystring: NO_FIELDS,
  response: {
    200: {
      type: 'object',
      properties: {
        model: MODEL,
        bytes: {
          type: 'integer',
          description: 'To download; 0: it is here. Absent while its hub cannot be asked',
        },
      },
    },
    ...errors,
  },
} as const;

export const MODEL_POST = {
  operationId: 'changeModel',
  tags: ['Model'],
  summary:
    'Get that model and embed every frame with it, in the background: `/health` has the progress',
  querystring: NO_FIELDS,
  response: { 200: { type: 'object', properties: { model: MODEL } }, ...errors },
} as const;
