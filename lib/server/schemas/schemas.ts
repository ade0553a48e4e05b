/**
 * JSON schemas of every route, for validation and `/openapi.json`. The validator coerces nothing;
 * `strict-fields.ts` converts query strings first.
 */
import { DEFAULT_K, MAX_K, MAX_QUERY_CODE_POINTS } from '../../base/limits';
import { MAX_EF_SEARCH, MAX_PATH_GLOB, MAX_VECTOR_DIM } from '../limits';

export interface FieldSchema {
  readonly type: string | readonly string[];
  readonly description?: string;
  readonly [key: string]: unknown;
}

const FRAME_ID = {
  type: 'string',
  pattern: '^[0-9]{1,15}$',
  description: 'Id of a frame, as in `frame_id`',
} as const;
const MEDIA_ID = {
  type: 'string',
  pattern: '^[0-9a-f]{32}$',
  description: 'Id of a media file, as in `video_id`',
} as const;

const K = {
  type: 'integer',
  minimum: 1,
  maximum: MAX_K,
  default: DEFAULT_K,
  description: 'Number of results',
} as const;

/** Fields common to all searches. */
const OPTION_FIELDS = {
  k: K,
  exact: {
    type: 'boolean',
    description: 'Compare every frame instead of searching the graph',
  },
  min_similarity: {
    type: 'number',
    minimum: 0,
    maximum: 1,
    description: 'Leave out results whose `similarity` is lower',
  },
  fold: {
    type: 'boolean',
    default: false,
    description: 'One result per video: its best frame, with the others in `moments`',
  },
  ef_search: {
    type: 'integer',
    minimum: 1,
    maximum: MAX_EF_SEARCH,
    description: 'Candidate list size of the graph search',
  },
} as const;

const FILTER_FIELDS = {
  type: {
    type: 'string',
    enum: ['image', 'video'],
    description: 'Only pictures, or only frames of videos',
  },
  path: {
    type: 'string',
    minLength: 1,
    maxLength: MAX_PATH_GLOB,
    description:
      'Pattern of the media path relative to the library, in the syntax of .gitignore; a leading `!` negates',
  },
} as const;

const TEXT = {
  type: 'string',
  minLength: 1,
  maxLength: MAX_QUERY_CODE_POINTS,
  description: 'What to look for, in words',
} as const;

export const ERROR_BODY = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'request_id'],
      properties: {
        code: { type: 'string', description: 'Permanent, for programs' },
        message: { type: 'string', description: 'For humans; may change' },
        request_id: { type: 'string' },
      },
    },
  },
} as const;

const HIT = {
  type: 'object',
  // The facade may return more fields than this version of the server knows.
  additionalProperties: true,
  properties: {
    frame_id: { type: 'integer' },
    video_id: { type: ['string', 'null'], description: 'null for pictures' },
    timestamp: { type: ['number', 'null'], description: 'Seconds from the start of the video' },
    similarity: { type: 'number', description: 'max(0, cosine), from 0 to 1' },
    cosine: { type: 'number', description: 'From -1 to 1' },
    frame_url: { type: 'string', description: 'The picture at this address never changes' },
    media_path: { type: 'string', description: 'Relative to the folder of the library' },
    type: { type: 'string', enum: ['image', 'video'] },
    width: { type: 'integer', description: 'Of the stored frame, in pixels' },
    height: { type: 'integer' },
    media_id: { type: 'string' },
    media_url: { type: 'string', description: 'The original file' },
    media_width: { type: ['integer', 'null'], description: 'Of the original, upright' },
    media_height: { type: ['integer', 'null'] },
    size_bytes: { type: ['integer', 'null'] },
    captured_at: { type: ['string', 'null'], description: 'When it was taken, as the file says' },
    modified_at: { type: ['string', 'null'], description: 'When the file was last written, UTC' },
    others: { type: 'integer', description: 'With `fold`: further frames of the video found' },
    moments: {
      type: 'array',
      description: 'With `fold`: these frames, best first, at most 50',
      items: { type: 'object', additionalProperties: true },
    },
  },
} as const;

const SEARCH_ANSWER = {
  type: 'object',
  additionalProperties: true,
  properties: {
    query: { type: 'string' },
    results: { type: 'array', items: HIT },
    took_ms: { type: 'number' },
    encode_ms: { type: 'number' },
    exact: { type: 'boolean' },
    model: { type: 'string' },
    hint: { type: 'string', description: 'A hint for the user' },
  },
} as const;

const BYTES = { type: 'string', format: 'binary' } as const;
const NOT_MODIFIED = {
  type: 'null',
  description: 'As the client has it (`If-None-Match`)',
} as const;

const bytesOf = (...types: string[]): object => ({
  content: Object.fromEntries(types.map((type) => [type, { schema: BYTES }])),
});

/** Error responses of every route. */
export const errors = { '4xx': ERROR_BODY, '5xx': ERROR_BODY } as const;

export const SEARCH = {
  operationId: 'searchByText',
  tags: ['Search'],
  summary: 'Search by words',
  querystring: {
    type: 'object',
    required: ['q'],
    additionalProperties: false,
    properties: { q: TEXT, ...OPTION_FIELDS, ...FILTER_FIELDS },
  },
  response: { 200: SEARCH_ANSWER, ...errors },
} as const;

/** Fields of a multipart search beside the picture. */
export const UPLOAD_FIELDS = { ...OPTION_FIELDS, ...FILTER_FIELDS } as const;

const JSON_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    text: TEXT,
    q: { ...TEXT, description: 'The same as `text`' },
    frame: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    vector: {
      type: 'array',
      items: { type: 'number' },
      minItems: 1,
      maxItems: MAX_VECTOR_DIM,
      description: "A vector of the library's own space",
    },
    ...OPTION_FIELDS,
    filters: { type: 'object', additionalProperties: false, properties: FILTER_FIELDS },
  },
} as const;

export const SEARCH_POST = {
  operationId: 'search',
  tags: ['Search'],
  summary: 'Search by words, by a frame, by a vector, or by a picture',
  // For a picture as the body, which has no place for them.
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: { ...OPTION_FIELDS, ...FILTER_FIELDS },
  },
  body: {
    content: {
      'application/json': { schema: JSON_QUERY },
      'multipart/form-data': {
        // For documentation only: `upload.ts` reads and checks the form.
        schema: {
          type: ['object', 'null'],
          properties: {
            image: { type: 'string', format: 'binary', description: 'A picture file' },
            ...UPLOAD_FIELDS,
          },
        },
      },
      'application/octet-stream': { schema: {} },
      'image/*': { schema: {} },
    },
  },
  response: { 200: SEARCH_ANSWER, ...errors },
} as const;

export const SIMILAR = {
  operationId: 'similarFrames',
  tags: ['Search'],
  summary: 'More like this frame',
  params: { type: 'object', properties: { frame_id: FRAME_ID } },
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: { ...OPTION_FIELDS, ...FILTER_FIELDS },
  },
  response: { 200: SEARCH_ANSWER, ...errors },
} as const;

const FRAME_VERSION = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{16}$',
  description: 'The last part of `frame_url`',
} as const;

export const FRAME = {
  operationId: 'frame',
  tags: ['Files'],
  summary: 'The picture of a frame, JPEG',
  params: { type: 'object', properties: { id: FRAME_ID } },
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      w: {
        type: 'integer',
        minimum: 16,
        maximum: 4096,
        description: 'Wanted width in pixels; the answer is at least as wide where the frame is',
      },
    },
  },
  response: {
    200: { description: 'The picture', ...bytesOf('image/jpeg') },
    304: NOT_MODIFIED,
    ...errors,
  },
} as const;

export const FRAME_OF_VERSION = {
  ...FRAME,
  operationId: 'frameVersion',
  summary: 'The same at its `frame_url`: may be kept for good',
  params: { type: 'object', properties: { id: FRAME_ID, version: FRAME_VERSION } },
} as const;

export const MEDIA = {
  operationId: 'media',
  tags: ['Files'],
  summary: 'The original file of a picture or video, with byte ranges',
  params: { type: 'object', properties: { id: MEDIA_ID } },
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      download: { type: 'boolean', description: 'To be saved under its name, not shown' },
    },
  },
  response: {
    200: {
      description: 'The whole file',
      ...bytesOf('image/*', 'video/*', 'application/octet-stream'),
    },
    206: {
      description: 'A range of it',
      ...bytesOf('image/*', 'video/*', 'application/octet-stream'),
    },
    304: NOT_MODIFIED,
    ...errors,
  },
} as const;

export const VIDEO = {
  ...MEDIA,
  operationId: 'video',
  summary: 'The same, only for videos',
} as const;

export const HEALTH = {
  operationId: 'health',
  tags: ['State'],
  summary: 'Figures of the library',
  querystring: { type: 'object', additionalProperties: false, properties: {} },
  response: {
    200: {
      type: 'object',
      properties: {
        status: { type: 'string', enum: ['ok', 'empty'] },
        version: { type: 'string' },
        frames: { type: 'integer', description: 'Searchable frames' },
        images: { type: 'integer' },
        videos: { type: 'integer' },
        pending: { type: 'integer', description: 'Media files not finished yet' },
        held_back: {
          type: 'integer',
          description: 'Files that are gone and kept until a sync with --confirm-removals',
        },
        unreachable: {
          type: 'integer',
          description: 'Files kept because they could not be checked',
        },
        dim: { type: 'integer' },
        hnsw_nodes: { type: 'integer' },
        max_level: { type: 'integer' },
        kernel: { type: 'string', description: 'Distance kernel in use' },
        metric: { type: 'string' },
        model: { type: 'string' },
        offered_model: {
          type: 'string',
          description: 'A model that suits the pictures better: `POST /model` gets it',
        },
        bytes_on_disk: { type: 'integer' },
        recovered: {
          type: 'string',
          description: 'What a copy of the library lacks until a sync; absent otherwise',
        },
        sync: {
          type: 'object',
          description: 'The sync that runs behind the server, or a change of the model',
          properties: {
            state: { type: 'string', enum: ['off', 'running', 'idle', 'failed', 'elsewhere'] },
            watch: { type: 'number', description: 'Seconds between two looks; 0: one look only' },
            phase: { type: 'string', enum: ['download', 'reembed'], description: 'Of a change' },
            done: { type: 'integer', description: 'Files done; bytes or frames of a change' },
            total: { type: 'integer', description: 'Files in all; 0 while unknown' },
            frames: { type: 'integer', description: 'Frames made searchable by it' },
            frames_total: { type: 'integer', description: 'With those known to be waiting' },
            finished_at: { type: 'string' },
            error: {
              type: 'object',
              properties: { code: { type: 'string' }, message: { type: 'string' } },
            },
          },
        },
        root: { type: 'string', description: 'Only where no other machine can ask' },
        uptime_seconds: { type: 'number' },
      },
    },
    ...errors,
  },
} as const;

const STATUS_ONLY = {
  type: 'object',
  properties: { status: { type: 'string' }, error: ERROR_BODY.properties.error },
} as const;

export const PROBE = {
  querystring: { type: 'object', additionalProperties: false, properties: {} },
  response: { 200: STATUS_ONLY, ...errors },
} as const;

export const SESSION = {
  operationId: 'openSession',
  tags: ['Access'],
  summary: 'Trade the token for a cookie that `<img>` and `<video>` can send',
  body: {
    type: 'object',
    required: ['token'],
    additionalProperties: false,
    properties: { token: { type: 'string', minLength: 1, maxLength: 512 } },
  },
  response: { 204: { type: 'null' }, ...errors },
} as const;
