/** `embed`: vectors of texts or pictures, without a library. */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { isLibraryError, makeError, messageOf } from '../../errors';
import { openEmbeddingService, type EmbeddingService } from '../../service';
import { EXIT, type ExitCode } from '../exit-codes';
import { printable } from '../format';
import type { Io } from '../io';
import { startSession, type Flags } from '../session';

/** Inputs of one call: enough to keep the model busy, few enough to hold in memory. */
const AT_ONCE = 32;

interface Outcome {
  readonly input: string;
  readonly embedding?: number[];
  readonly error?: { readonly code: string; readonly message: string };
}

export async function runEmbedVerb(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const [kind = '', ...inputs] = words;
  const { settings } = startSession(undefined, flags, io).config;
  await using service = await openEmbeddingService({
    model: settings.model,
    cache: settings.cache ?? 'disk',
    onNotice: (line) => io.note(line),
  });
  const outcomes: Outcome[] = [];
  let failures = 0;
  for await (const part of inParts(inputs)) {
    for (const outcome of await embedPart(service, kind, part)) {
      if (outcome.error !== undefined) {
        failures++;
        io.problem(`${printable(outcome.input)}: ${outcome.error.message}`);
      }
      if (io.isJson) outcomes.push(outcome);
      else if (outcome.embedding !== undefined) io.line(JSON.stringify(outcome));
    }
  }
  const model = kind === 'text' ? service.models.instruction : service.models.image;
  if (io.isJson) io.json({ model: model.id, results: outcomes });
  return failures > 0 ? EXIT.partial : EXIT.ok;
}

/** The inputs as typed, or the lines of the standard input, a few at a time. */
async function* inParts(inputs: readonly string[]): AsyncGenerator<string[]> {
  let part: string[] = [];
  for (const input of inputs) {
    const lines =
      input === '-' ? createInterface({ input: process.stdin, crlfDelay: Infinity }) : [input];
    for await (const line of lines) {
      if (line.trim() === '') continue;
      part.push(line);
      if (part.length < AT_ONCE) continue;
      yield part;
      part = [];
    }
  }
  if (part.length > 0) yield part;
}

/** Each by itself, so that one damaged picture costs the others nothing; the service joins them. */
function embedPart(
  service: EmbeddingService,
  kind: string,
  part: readonly string[],
): Promise<Outcome[]> {
  return Promise.all(
    part.map(async (input): Promise<Outcome> => {
      try {
        const vector =
          kind === 'text'
            ? await service.getInstructionEmbedding(input)
            : await service.getImageEmbedding(await fileOf(input));
        return { input, embedding: Array.from(vector) };
      } catch (error) {
        if (!isLibraryError(error) || !OF_ONE_INPUT.test(error.code)) throw error;
        return { input, error: { code: error.code, message: error.message } };
      }
    }),
  );
}

/** What concerns one input; anything else, such as a missing model, ends the command. */
const OF_ONE_INPUT = /^ERR_(MEDIA_|ARG_|ENCODE$|IO$|TIMEOUT$)/;

async function fileOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw makeError('ERR_IO', `could not be read: ${messageOf(cause)}`, { cause });
  }
}
