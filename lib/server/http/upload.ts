/**
 * Pictures that clients send, as the body itself or in a multipart form with search options; in memory
 * only, a bounded number at once.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isLibraryError, makeError } from '../../base/errors';
import { clientGone, type ServiceContext } from '../context';
import type { FilterFields, OptionFields } from '../schemas/query-input';
import { UPLOAD_FIELDS } from '../schemas/schemas';
import { convertFields } from '../schemas/strict-fields';

export interface Upload {
  readonly image: Uint8Array;
  readonly fields: OptionFields & FilterFields;
}

const UPLOAD_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: UPLOAD_FIELDS,
} as const;

export type OnRequest = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/**
 * A hook: a large body is read only once its request is admitted, so that memory is bounded; the slot is
 * held until the response is sent or the client disconnects.
 */
export function uploadSlot({ limits, uploads }: ServiceContext): OnRequest {
  return async (request, reply) => {
    const length = Number(request.headers['content-length'] ?? Number.NaN);
    const isEmpty = Number.isNaN(length) && request.headers['transfer-encoding'] === undefined;
    // Texts are small: they do not wait for pictures, and are batched for the model.
    if (isEmpty || length <= limits.jsonBytes) return;
    await new Promise<void>((enter, refuse) => {
      const work = (): Promise<void> => {
        enter();
        return new Promise((leave) => reply.raw.once('close', leave));
      };
      uploads.run(work, clientGone(reply)).catch(refuse);
    });
  };
}

/** Takes the bytes of a picture file as a body. */
export function takePictures(app: FastifyInstance, maxBytes: number): void {
  for (const type of ['application/octet-stream', /^image\//])
    app.addContentTypeParser(
      type,
      { parseAs: 'buffer', bodyLimit: maxBytes },
      (_request, body, done) => done(null, body),
    );
}

/**
 * Reads the form.
 *
 * @param maxBytes  of the picture
 * @throws ERR_REQUEST_LIMIT | ERR_REQUEST_INVALID | ERR_ARG_TYPE | ERR_ARG_RANGE
 */
export async function readUpload(request: FastifyRequest, maxBytes: number): Promise<Upload> {
  let image: Uint8Array | undefined;
  // No prototype: field names are untrusted.
  const values = Object.create(null) as Record<string, unknown>;
  try {
    for await (const part of request.parts({ limits: { fileSize: maxBytes } })) {
      if (part.type === 'file') {
        if (part.fieldname !== 'image' || image !== undefined)
          throw makeError('ERR_ARG_TYPE', 'expected one file, in the field "image"');
        image = await part.toBuffer();
      } else values[part.fieldname] = part.value;
    }
  } catch (cause) {
    // The form parser's errors have no status: a truncated form is the client's fault.
    if (isLibraryError(cause) || (cause as { statusCode?: unknown }).statusCode !== undefined)
      throw cause;
    throw makeError('ERR_REQUEST_INVALID', 'the form is damaged or ends too early', { cause });
  }
  if (image === undefined || image.length === 0)
    throw makeError('ERR_ARG_TYPE', 'no picture was sent: expected one in the field "image"');
  convertFields(values, UPLOAD_FIELDS);
  checkFields(request, values);
  return { image, fields: values as OptionFields & FilterFields };
}

function checkFields(request: FastifyRequest, values: Record<string, unknown>): void {
  const validate =
    request.getValidationFunction(UPLOAD_SCHEMA) ?? request.compileValidationSchema(UPLOAD_SCHEMA);
  if (validate(values)) return;
  throw Object.assign(new Error('form'), {
    validation: validate.errors ?? [],
    validationContext: 'form',
  });
}
