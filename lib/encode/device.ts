/**
 * Where a model runs: the names people use (`--device`), and which of them are worth trying on this
 * machine. Pure; the runtime is asked in `providers.ts`, inside a worker.
 */
import { makeError } from '../base/errors';
import { DEVICES, type Device } from '../base/types';

/**
 * What `auto` tries, in this order, before the processor. Not `webgpu`: where there is no graphics
 * card it may find a driver that computes on the processor, slower than ours.
 */
const AUTO: readonly Device[] = ['cuda', 'coreml', 'dml'];

/** @throws ERR_ARG_RANGE naming where the value came from */
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
 * @param supported what the runtime of this platform can have, from `listSupportedBackends`
 */
export function providersToTry(device: Device, supported: readonly string[]): readonly Device[] {
  if (device === 'cpu') return [];
  const wanted = device === 'auto' ? AUTO : [device];
  return wanted.filter((name) => supported.includes(name));
}

/** The one line about a device that was asked for and cannot be used. */
export function fallbackNotice(device: Device, supported: readonly string[], why?: string): string {
  const reason =
    why === undefined
      ? `the runtime on this machine has ${supported.join(', ')}`
      : (why.split('\n')[0] as string).slice(0, 200);
  return `device ${device} cannot be used, the models run on the processor: ${reason}`;
}
