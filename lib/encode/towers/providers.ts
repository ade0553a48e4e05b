/**
 * Makes a session on the device that was asked for, or on the processor when that fails. Loaded in
 * workers only, like the runtime itself.
 */
import { env, InferenceSession, listSupportedBackends } from 'onnxruntime-node';
import { messageOf } from '../../base/errors';
import type { Device } from '../../base/types';
import { fallbackNotice, providersToTry } from '../device';

// Failures arrive as exceptions and become typed errors; the runtime's own lines would say them twice.
env.logLevel = 'fatal';

export interface ProvidedSession {
  readonly session: InferenceSession;
  /** The provider in use. */
  readonly device: string;
  /** Why it is not the one that was asked for. */
  readonly notice: string | undefined;
}

/**
 * @param file path of the model, or its bytes
 * @throws whatever the runtime throws for the file on the processor
 */
export async function createSession(
  file: string | Uint8Array,
  options: InferenceSession.SessionOptions,
  device: Device,
): Promise<ProvidedSession> {
  const supported = listSupportedBackends().map(({ name }) => name);
  let failure: string | undefined;
  // Only providers that the runtime names: others it drops without a word and computes on the
  // processor, and we would report a device that is not in use.
  for (const provider of providersToTry(device, supported)) {
    try {
      // The processor stays behind it, for operations that the provider does not have.
      const executionProviders = [provider, 'cpu'];
      const session = await create(file, { ...options, executionProviders });
      return { session, device: provider, notice: undefined };
    } catch (cause) {
      failure = messageOf(cause);
    }
  }
  const session = await create(file, { ...options, executionProviders: ['cpu'] });
  const isAsExpected = device === 'cpu' || device === 'auto';
  const notice = isAsExpected ? undefined : fallbackNotice(device, supported, failure);
  return { session, device: 'cpu', notice };
}

/** The runtime tells files from bytes by overloads. */
function create(
  file: string | Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  return typeof file === 'string'
    ? InferenceSession.create(file, options)
    : InferenceSession.create(file, options);
}
