/**
 * The portable engine: the addon's sources as WebAssembly, for machines without a binary. Same verbs, same
 * files, same results within the bound of the kernels; one thread, and files are read whole. Node-API is
 * emnapi's, which `tools/build-wasm.mjs` puts beside the module.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { types } from 'node:util';
import type { NativeBinding } from '../binding';
import { arrayImports } from './arrays';
import { WasmMemory } from './memory';
import { systemImports } from './system';
import { wasiImports } from './wasi';

/** The part of emnapi's interface that is used. */
interface NodeApi {
  createContext(): {
    suppressDestroy(): void;
    handleStore: { get(handle: number): { value: unknown } | undefined };
  };
  createNapiModule(options: { context: unknown }): {
    readonly imports: { env: LastError; napi: object; emnapi: object };
    init(options: { instance: WebAssembly.Instance; module: WebAssembly.Module }): NativeBinding;
  };
}

interface LastError {
  _emnapi_get_last_error_info(env: number, code: number, engine: number, reserved: number): void;
}

/** Bytes of `napi_extended_error_info`: message, reserved, engine_error_code, error_code. */
const ERROR_INFO = 16;
const GENERIC_FAILURE = 9;

/** Loads the module of that name; the Node-API has to be beside it. */
export function loadWasm(file: string): NativeBinding {
  const nodeApi = createRequire(file)('./node-api.cjs') as NodeApi;
  const module = new WebAssembly.Module(readFileSync(file));
  const exported = <T>(name: string): T => instance.exports[name] as T;
  const memory = new WasmMemory(() => exported<WebAssembly.Memory>('memory'));
  const context = nodeApi.createContext();
  // Not at `beforeExit`, after which a program may go on. The process takes everything with it.
  context.suppressDestroy();
  const napi = nodeApi.createNapiModule({ context });
  const valueOf = (handle: number): unknown => context.handleStore.get(handle)?.value;
  let errorInfo = 0;
  // emnapi has this one in C, for its table of messages; without one, the wrapper takes its own.
  const napi_get_last_error_info = (env: number, result: number): number => {
    errorInfo ||= exported<(bytes: number) => number>('malloc')(ERROR_INFO);
    if (errorInfo === 0) return GENERIC_FAILURE;
    memory.bytes(errorInfo, ERROR_INFO).fill(0);
    const { _emnapi_get_last_error_info: read } = napi.imports.env;
    read(env, errorInfo + 12, errorInfo + 8, errorInfo + 4);
    memory.view().setUint32(result >>> 0, errorInfo, true);
    return 0;
  };
  const instance: WebAssembly.Instance = new WebAssembly.Instance(module, {
    ...napi.imports,
    napi: { ...napi.imports.napi, napi_get_last_error_info },
    env: { ...napi.imports.env, emscripten_notify_memory_growth: () => undefined },
    sightline: { ...systemImports(memory), ...arrayImports(memory, valueOf) },
    wasi_snapshot_preview1: wasiImports(memory),
  });
  exported<() => void>('_initialize')();
  return unhurried(napi.init({ instance, module }));
}

/**
 * Work is done when a promise is given, so it would settle before anything else has its turn. Settled in a
 * later turn of the event loop instead, timers and connections go on between the parts of an append.
 */
function unhurried(binding: NativeBinding): NativeBinding {
  type Verb = (...args: unknown[]) => unknown;
  const later = (verb: Verb): Verb => {
    return (...args) => {
      const result = verb(...args);
      if (!types.isPromise(result)) return result;
      return new Promise((resolve, reject) => {
        result.then(
          (value) => setImmediate(resolve, value),
          (error: unknown) => setImmediate(reject, error),
        );
      });
    };
  };
  const exported = Object.entries(binding as unknown as Record<string, unknown>);
  return Object.fromEntries(
    // Not all are verbs: `version` is a text.
    exported.map(([name, value]) => [
      name,
      typeof value === 'function' ? later(value as Verb) : value,
    ]),
  ) as unknown as NativeBinding;
}
