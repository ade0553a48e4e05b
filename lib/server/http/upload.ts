/** Parses a multipart form with one picture in field `image` and search options; in memory only. */
import type { FastifyRequest } from 'fastify';
import { isLibraryError, makeError } from '../../base/errors';
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
