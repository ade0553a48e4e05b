/**
 * Creates a session on the requested device, with the CPU as fallback. Loaded only in workers, like the
 * runtime itself.
 */
import type { InferenceSession } from 'onnxruntime-node';
import { messageOf } from '../../base/errors';
import type { Device } from '../../base/types';
import { fallbackNotice, providersToTry } from '../device';
import { env, InferenceSession as Session, listSupportedBackends } from './runtime';

// Failures become typed errors; the runtime's own log lines would repeat them.
env.logLevel = 'fatal';

export interface ProvidedSession {
  readonly session: InferenceSession;
  /** The provider in use. */
  readonly device: string;
  /** Why it is not the requested one. */
  readonly notice: string | undefined;
}

/**
 * @param file path of the model, or its bytes
 * @throws what the runtime throws for the file on the CPU
 */
export async function createSession(
  file: string | Uint8Array,
  options: InferenceSession.SessionOptions,
  device: Device,
): Promise<ProvidedSession> {
  const supported = listSupportedBackends().map(({ name }) => name);
  let failure: string | undefined;
  // Only providers that the runtime lists: it silently ignores others and uses the CPU, and we would report
  // the wrong device.
  // processor, and we would report a device that is not in use.
  for (const provider of providersToTry(device, supported)) {
    try {
      // CPU as fallback for operations that the provider lacks.
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

/** The runtime's overloads distinguish files from bytes. */
function create(
  file: string | Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  return typeof file === 'string' ? Session.create(file, options) : Session.create(file, options);
}
