/** Options objects: unknown names are refused with what was meant, values are read once and checked. */
import vm from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import type { LibraryError } from '../../lib/base/errors';
import {
  BOOLEAN,
  integer,
  readOptions,
  STRING,
  suggest,
  type OptionRules,
} from '../../lib/base/options';
import { noise } from '../helpers/vectors';

interface Sample {
  readonly depth?: number;
  readonly name?: string;
  readonly isDry?: boolean;
}

const SAMPLE: OptionRules<Sample> = { depth: integer(1, 9), name: STRING, isDry: BOOLEAN };

const read = (value: unknown): Sample => readOptions('options', value, SAMPLE);

function refusal(work: () => unknown): LibraryError {
  try {
    work();
  } catch (error) {
    return error as LibraryError;
  }
  throw new Error('nothing was refused');
}

async function refusalOf(work: () => Promise<unknown>): Promise<LibraryError> {
  return work().then(
    () => {
      throw new Error('nothing was refused');
    },
    (error: unknown) => error as LibraryError,
  );
}

test('an unknown name is refused, with what was meant', () => {
  const error = refusal(() => read({ dpeth: 1 }));
  assert.is(error.code, 'ERR_ARG_TYPE');
  assert.is(error.message, 'options has no "dpeth": did you mean "depth"?');
  assert.equal(error.details, {
    name: 'dpeth',
    allowed: ['depth', 'name', 'isDry'],
    suggestion: 'depth',
  });
  assert.is(
    refusal(() => read({ zzz: 1 })).message,
    'options has no "zzz": it takes depth, name, isDry',
  );
});

test('suggestions know slips, plurals, spellings and the words of other engines', () => {
  const names = ['efSearch', 'filter', 'threshold', 'k', 'path', 'model', 'minSimilarity', 'image'];
  for (const [slip, meant] of [
    ['filters', 'filter'],
    ['fliter', 'filter'],
    ['ef_search', 'efSearch'],
    ['EFSEARCH', 'efSearch'],
    ['K', 'k'],
    ['limit', 'k'],
    ['top_k', 'k'],
    ['ef', 'efSearch'],
    ['where', 'filter'],
    ['modle', 'model'],
    ['min_similarity', 'minSimilarity'],
    ['similarity', 'minSimilarity'],
    ['images', 'image'],
    ['paths', 'path'],
  ] as const)
    assert.is(suggest(slip, names), meant, slip);
  for (const unknown of ['x', '', 'colour', 'constructor', '__proto__', 'f'.repeat(100_000)])
    assert.is(suggest(unknown, names), undefined, unknown.slice(0, 20));
});

test('what is no options object is refused', () => {
  const wrong = [null, undefined, 1, 'x', true, 1n, [], [{}], () => ({}), Symbol('x')];
  const exotic = [new Map(), new Set(), new Date(), Promise.resolve({}), /x/, new Error('x')];
  const others = [new AbortController().signal, new Uint8Array(2), vm.runInNewContext('[]')];
  for (const value of [...wrong, ...exotic, ...others])
    assert.is(refusal(() => read(value)).code, 'ERR_ARG_TYPE', String(value));
});

test('objects of every other make are taken', () => {
  const bare = Object.assign(Object.create(null) as object, { depth: 2 });
  const derived = Object.create({ depth: 2 }) as object;
  class Settings {
    depth = 2;
    get name(): string {
      return 'own';
    }
    helper(): number {
      return this.depth;
    }
  }
  for (const value of [bare, derived, new Settings(), vm.runInNewContext('({ depth: 2 })')])
    assert.is(read(value).depth, 2);
  assert.is(read(new Settings()).name, 'own');
  assert.is(refusal(() => read(Object.create({ dept: 2 }))).details.suggestion, 'depth');
});

test('undefined is as if absent, under any name; null is a value', () => {
  assert.equal(read({ depth: undefined, strange: undefined }), {});
  assert.is(refusal(() => read({ depth: null })).code, 'ERR_ARG_TYPE');
  assert.is(refusal(() => read({ strange: null })).code, 'ERR_ARG_TYPE');
});

test('a name that a program added to every object is none of ours', () => {
  Object.defineProperty(Object.prototype, 'added', {
    value: 1,
    enumerable: true,
    configurable: true,
  });
  try {
    assert.equal(read({ depth: 1 }), { depth: 1 });
  } finally {
    delete (Object.prototype as { added?: unknown }).added;
  }
  const named = JSON.parse('{"__proto__": {"depth": 3}}') as unknown;
  assert.is(refusal(() => read(named)).code, 'ERR_ARG_TYPE');
  assert.is(refusal(() => read({ toString: 'x' })).code, 'ERR_ARG_TYPE');
});

test('each value is read once, so that none can change after its check', () => {
  let reads = 0;
  const sly = {
    get depth(): unknown {
      return ++reads === 1 ? 5 : 'five';
    },
  };
  assert.equal(readOptions('options', sly, { depth: integer(1, 9) }), { depth: 5 });
  const mine = new TypeError('mine');
  const error = refusal(() =>
    read({
      get depth(): number {
        throw mine;
      },
    }),
  );
  assert.is(error as unknown, mine);
});

test('the wrong type or range of a known option says name, expected and received', () => {
  const type = refusal(() => read({ depth: '3' }));
  assert.is(type.message, 'depth must be a number, received "3"');
  const range = refusal(() => read({ depth: 10 }));
  assert.is(range.code, 'ERR_ARG_RANGE');
  assert.is(range.message, 'depth must be a whole number from 1 to 9, received 10');
});

test('every method of the engine refuses a misspelt option, before it does anything', async () => {
  await using index = await VectorIndex.create({ dim: 4 });
  await index.add(noise(20, 4, 1));
  const query = noise(1, 4, 2);
  const typo = <T>(options: object): T => options as T;
  const calls: Record<string, [() => Promise<unknown>, string]> = {
    search: [async () => index.search(query, 1, typo({ filters: [1] })), 'filter'],
    searchExact: [async () => index.searchExact(query, 1, typo({ filters: [1] })), 'filter'],
    searchAsync: [() => index.searchAsync(query, 1, typo({ fliter: [1] })), 'filter'],
    searchExactAsync: [() => index.searchExactAsync(query, 1, typo({ ef: 9 })), 'efSearch'],
    searchBatch: [() => index.searchBatch(query, 1, typo({ thread: 1 })), 'threads'],
    create: [() => VectorIndex.create(typo({ dim: 4, m: 8 })), 'M'],
    open: [() => VectorIndex.open('nowhere', typo({ readonly: true })), 'readOnly'],
    importFrom: [() => VectorIndex.importFrom('nowhere', typo({ space: 'l2' })), 'metric'],
    add: [() => index.add(query, typo({ ids: [7] })), 'keys'],
    addFile: [() => index.addFile('nowhere', typo({ frist: 2 })), 'first'],
    exportFile: [() => index.exportFile('x.npy', typo({ key: 'y.npy' })), 'keys'],
    update: [() => index.update([1], query, typo({ upsert: true })), ''],
    compact: [() => index.compact(typo({ onprogress: () => undefined })), 'onProgress'],
    tune: [() => index.tune(typo({ recal: 0.9 })), 'recall'],
    warm: [() => index.warm(typo({ row: true })), 'rows'],
  };
  for (const [name, [call, meant]] of Object.entries(calls)) {
    const error = await refusalOf(call);
    assert.is(error.code, 'ERR_ARG_TYPE', `${name}: ${error.message}`);
    assert.is(error.details.suggestion ?? '', meant, name);
  }
  assert.is(index.count, 20);
  for (const efSearch of [null, '9', {}])
    assert.is(
      refusal(() => index.search(query, 1, typo({ efSearch }))).code,
      'ERR_ARG_TYPE',
      `efSearch ${String(efSearch)}`,
    );
});

test.run();
