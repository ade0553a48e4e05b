/**
 * The part of a diagnosis that does what a sync does: decodes a picture in a real child process, and embeds
 * it and a text in real encoder processes. Parts that load one by one may still fail together.
 */
import { openClip, type ClipModel } from '../../encode';
import { codeOf } from '../../base/errors';
import { closeImageDecoder, decodeImage } from '../../media';

export type CheckState = 'ok' | 'missing' | 'warning';

export interface Check {
  readonly name: string;
  readonly state: CheckState;
  /** The finding: version, path or figure; or the reason of a failure. */
  readonly detail: string;
  /** What to do, if anything. */
  readonly remedy?: string;
}

export type Finding = Omit<Check, 'name' | 'state'> & { readonly state?: CheckState };

/** Runs one check; a failure becomes its finding. @param remedy used in that case */
export type Attempt = (
  name: string,
  remedy: string | ((error: unknown) => string),
  look: () => Finding | Promise<Finding>,
) => Promise<void>;

/** A red circle on white: 64x64, PNG. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAgMAAADXB5lNAAAADFBMVEX/AQH/////aGj/uLg0pNHfAAAACXBIWXMAAAsTAAALEwEA' +
    'mpwYAAAAlklEQVQ4y93Tuw2AMAwEUBNEkQEYIXswAgWfVIhRsgSj0LME+/CJHQInREUBV74qti9UX0Kfh86p8QSOSMVgaY2JYNog' +
    'PaChPUMA68EE6D3oAM6DEmiJMzNUAjmDFTAMpUDG0AtohkIgYZgEUgYnoO6AQt6E53fA02E4GB8WBCuEJcMZ4FB4Sjg21AEKg5WC' +
    '0mEtf/HnFraU9s0K/ItpAAAAAElFTkSuQmCC',
  'base64',
);
const TEXT = 'a red circle';

/** @returns the decoded picture for encoders; undefined when decoding fails, which is reported */
export async function diagnoseDecoder(attempt: Attempt): Promise<Uint8Array | undefined> {
  let jpeg: Uint8Array | undefined;
  await attempt('decoder', decoderRemedy, async () => {
    try {
      const frame = await decodeImage({ bytes: PICTURE });
      ({ jpeg } = frame);
      return { detail: `a ${frame.sourceWidth}x${frame.sourceHeight} PNG in a process of its own` };
    } finally {
      closeImageDecoder();
    }
  });
  return jpeg;
}

/** @param picture decoded picture; without it encoders get the picture file */
export async function diagnoseEncoders(
  attempt: Attempt,
  model: string,
  picture: Uint8Array = PICTURE,
): Promise<void> {
  let clip: ClipModel;
  try {
    clip = await openClip(model);
  } catch {
    // The model's own check reports this.
    return;
  }
  const timed = async (what: string, work: () => Promise<unknown>): Promise<{ detail: string }> => {
    const start = performance.now();
    await work();
    return { detail: `${what} in ${Math.round(performance.now() - start)} ms, loading included` };
  };
  const remedy = (error: unknown): string => encoderRemedy(error, model);
  try {
    await attempt('image encoder', remedy, () =>
      timed('a picture embedded', () => clip.image.encode([picture])),
    );
    await attempt('text encoder', remedy, () =>
      timed('a text embedded', () => clip.text.encode([TEXT])),
    );
  } finally {
    await clip.close();
  }
}

function decoderRemedy(error: unknown): string {
  return codeOf(error) === 'ERR_TIMEOUT'
    ? 'the machine is too busy to decode 64x64 pixels: try again when it is not'
    : 'no picture can be indexed: run "npm install" again for this platform, including optional packages, and see that processes may be started';
}

function encoderRemedy(error: unknown, model: string): string {
  const code = codeOf(error);
  if (code === 'ERR_TIMEOUT')
    return 'give each input more time with CLIP_TIMEOUT_S, or use a smaller model';
  if (code?.startsWith('ERR_MODEL_') === true)
    return `see what is wrong with it by "sightline models verify ${model}", or pull it again`;
  return `nothing can be embedded: check the model by "sightline models verify ${model}" and run "npm install" again with the Node that runs this; if it stays, report it with this output`;
}
