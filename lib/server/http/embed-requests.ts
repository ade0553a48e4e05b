/** Shared by the embedding routes: concurrency gates, large bodies, and pictures in JSON. */
import type { FastifyReply } from 'fastify';
import { makeError } from '../../base/errors';
import type { BatchInput } from '../../service';
import { clientGone, type ServiceContext } from '../context';
import type { ServerLimits } from '../limits';
import { uploadSlot, type OnRequest } from './upload';

/** Base64 takes four characters for three bytes; plus some for the JSON around it. */
const BASE64_SHARE = 4 / 3;
const JSON_AROUND = 64 * 1024;
const DATA_URL = /^data:image\/[\w.+-]{1,64};base64,/i;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** Largest JSON body with pictures in it. */
export const largeJsonBytes = (limits: ServerLimits): number =>
  Math.ceil(limits.uploadBytes * BASE64_SHARE) + JSON_AROUND;

export class EmbedRequests {
  constructor(private readonly context: ServiceContext) {}

  /** Texts or pictures, not both. @throws what the service throws, ERR_POOL_FULL */
  async vectorsOf(
    reply: FastifyReply,
    inputs: BatchInput,
  ): Promise<{ readonly vectors: readonly Float32Array[]; readonly tokens: number }> {
    const { embeddings, embeds, readiness } = this.context;
    const signal = clientGone(reply);
    const { textEmbeddings, imageEmbeddings, tokens } = await embeds.run(
      () => embeddings.batchGenerateEmbeddings(inputs, { signal }),
      signal,
    );
    readiness.recovered();
    // Texts and pictures are private: do not cache.
    reply.header('cache-control', 'no-store');
    return { vectors: inputs.texts === undefined ? imageEmbeddings : textEmbeddings, tokens };
  }

  /** Options of routes whose bodies hold pictures. */
  get largeBody(): { bodyLimit: number; onRequest: OnRequest } {
    const { context } = this;
    return { bodyLimit: largeJsonBytes(context.limits), onRequest: uploadSlot(context) };
  }
}

export const isDataUrl = (text: string): boolean => DATA_URL.test(text);

/** @param text base64 or a data URL. @throws ERR_ARG_TYPE | ERR_REQUEST_LIMIT */
export function pictureOf(text: string, maxBytes: number): Buffer {
  const base64 = text.replace(DATA_URL, '');
  if (!BASE64.test(base64))
    throw makeError(
      'ERR_ARG_TYPE',
      'a picture in JSON must be the base64 of its file, or a data URL',
    );
  const bytes = Buffer.from(base64, 'base64');
  checkSize(bytes, maxBytes);
  return bytes;
}

/** The body limit leaves room for base64. @throws ERR_REQUEST_LIMIT */
export function checkSize(bytes: Buffer, maxBytes: number): void {
  if (bytes.length > maxBytes)
    throw makeError('ERR_REQUEST_LIMIT', `a picture has at most ${maxBytes} bytes`);
}
