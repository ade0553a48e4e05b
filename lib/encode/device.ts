/**
 * Where a model runs: device names (`--device`), and which of them are worth trying on this machine. Pure;
 * `providers.ts` asks the runtime, inside a worker.
 */
import { makeError } from '../base/errors';
import { DEVICES, type Device } from '../base/types';

/**
 * What `auto` tries, in this order, before the CPU. Not `webgpu`: without a graphics card it may find a
 * software driver, slower than our CPU path.
 */
const AUTO: readonly Device[] = ['cuda', 'coreml', 'dml'];

/** @throws ERR_ARG_RANGE naming the origin of the value */
export function parseDevice(value: string, from: string): Device {
  const name = value.toLowerCase();
  const device = DEVICES.find((known) => known === name);
  if (device !== undefined) return device;
  throw makeError(
    'ERR_ARG_RANGE',
    `${from} must be one of ${DEVICES.join(', ')}, received ${value}`,
    {
      details: { from, value },
    },
  );
}

/**
 * Providers to try before `cpu`, best first.
 *
 * @param supported providers of the runtime on this platform, from `listSupportedBackends`
 */
export function providersToTry(device: Device, supported: readonly string[]): readonly Device[] {
  if (device === 'cpu') return [];
  const wanted = device === 'auto' ? AUTO : [device];
  return wanted.filter((name) => supported.includes(name));
}

/** The notice about a requested device that cannot be used. */
export function fallbackNotice(device: Device, supported: readonly string[], why?: string): string {
  const reason =
    why === undefined
      ? `the runtime on this machine has ${supported.join(', ')}`
      : (why.split('\n')[0] as string).slice(0, 200);
  return `device ${device} cannot be used, the models run on the CPU: ${reason}`;
}
