/** Pulls while the hub, the disk or another process do what they rarely do. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import type fsPromises from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listModels } from '../../lib/library/models';
import { isLocked, lockFile } from '../../lib/native/lock';
import { scaled } from '../helpers/deadline';
import { REPOSITORY, TEXT, tinyFiles, VISION, withServedModel } from '../helpers/served-model';
import type { Served } from '../helpers/served-model';
import { skip } from '../helpers/skip';
import { codeOf, errorOf } from '../helpers/errors';
import { TINY_CLIP_EXTERNAL } from '../helpers/tiny-clip';

/** The object whose functions the library calls: replacing one there is seen by it. */
const disk = async (): Promise<typeof fsPromises> => (await import('node:fs/promises')).default;

const markFile = ({ folder }: Served): string => path.join(folder, 'sightline.pull.json');
const recordFile = ({ folder }: Served): string => path.join(folder, 'sightline.lock.json');

function setMark(served: Served, pid: number, fields: object = {}): void {
  mkdirSync(served.folder, { recursive: true });
  const mark = { revision: 'main', dtype: 'fp32', pid, ...fields };
  writeFileSync(markFile(served), JSON.stringify(mark));
}

test('every file is flushed before it is renamed, and its folder after', () =>
  withServedModel(async (served) => {
    const fs = await disk();
    const { open, rename } = fs;
    const probe = await open(__filename, 'r');
    const methods = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    // The prototype's own function, put back below; always called on a handle.
    const sync = methods.sync as (this: FileHandle) => Promise<void>;
    const log: string[] = [];
    methods.sync = function (this: FileHandle) {
      log.push('flush');
      return sync.call(this);
    };
    fs.rename = (from, to) => {
      log.push(path.basename(String(to)));
      return rename(from, to);
    };
    try {
      await served.pull();
    } finally {
      methods.sync = sync;
      fs.rename = rename;
    }
    const kept = readdirSync(path.join(served.folder, 'blobs'));
    assert.is(kept.length, 6);
    for (const name of [...kept, 'sightline.lock.json', 'main']) {
      const at = log.indexOf(name);
      assert.equal([log[at - 1], log[at + 1]], ['flush', 'flush'], `${name} in ${log.join(' ')}`);
    }
  }));

test('no file stays open after a pull, also after one that failed', () =>
  withServedModel(async ({ pull, hub, cache }) => {
    if (!existsSync('/proc/self/fd')) return skip('no /proc here');
    const openFiles = (): string[] =>
      readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          const file = readlinkSync(`/proc/self/fd/${fd}`);
          return file.startsWith(cache) ? [file] : [];
        } catch {
          // The one that read the folder.
          return [];
        }
      });
    hub.faults.push({ path: /^\/store\//, times: 9, content: Buffer.alloc(1166) });
    await errorOf(pull());
    assert.equal(openFiles(), []);
    hub.faults.length = 0;
    await pull();
    assert.equal(openFiles(), []);
  }));

test('a full disk is detected before any download, and ignored if all files are present', () =>
  withServedModel(async ({ pull, hub }) => {
    const fs = await disk();
    const { statfs } = fs;
    const withFree = async (bytes: number, run: () => Promise<void>): Promise<void> => {
      fs.statfs = (() => Promise.resolve({ bavail: bytes, bsize: 1 })) as unknown as typeof statfs;
      await run().finally(() => (fs.statfs = statfs));
    };
    await withFree(64 * 2 ** 20, async () => {
      const error = await errorOf(pull());
      assert.is(error.code, 'ERR_DISK_FULL');
      assert.match(error.message, /needs \d+ bytes more in .*HF_HUB_CACHE/);
      assert.not.ok(hub.asked.some(({ path: url }) => url.includes('/resolve/')));
    });
    await withFree(65 * 2 ** 20, async () => void (await pull()));
    await withFree(0, async () => void (await pull()));
  }));

test('a connection that is interrupted repeatedly fails in the end, and the partial file stays', () =>
  withServedModel(async ({ pull, hub, folder }) => {
    hub.faults.push({ path: /^\/store\//, times: 9999, cutAfter: 3 });
    const error = await errorOf(pull());
    assert.is(error.code, 'ERR_MODEL_MISSING');
    assert.match(error.message, /ended at byte 300 of \d+ and does not go on/);
    assert.is(hub.asked.filter(({ server }) => server === 'store').length, 100);
    const blobs = readdirSync(path.join(folder, 'blobs'));
    assert.ok(blobs.some((name) => name.endsWith('.incomplete')));
  }));

test('an abort within a body ends a download and a listing at once', async () => {
  for (const [at, stallsAfter] of [
    [/^\/store\//, 0],
    [/^\/store\//, 300],
    [/^\/api\/.*tree/, 20],
  ] as const) {
    await withServedModel(async ({ pull, hub }) => {
      hub.faults.push({ path: at, times: 1, stallsAfter });
      const stop = new AbortController();
      // One try: a stop must not look like the last cut.
      const retry = { tries: 1, firstWaitMs: 1 };
      const running = errorOf(pull({ signal: stop.signal, retry }));
      await hub.stalled;
      stop.abort();
      assert.is((await running).code, 'ERR_ABORTED', String(at));
    });
  }
});

test('a wait for the hub ends with the signal', () =>
  withServedModel(async ({ pull, hub }) => {
    hub.faults.push({ path: /^\/api\//, times: 9, status: 503, headers: { 'retry-after': '30' } });
    const startedAt = performance.now();
    assert.is(await codeOf(pull({ signal: AbortSignal.timeout(200) })), 'ERR_ABORTED');
    assert.ok(performance.now() - startedAt < scaled(10_000));
  }));

test('an interrupted listing is requested again', () =>
  withServedModel(async ({ pull, hub }) => {
    hub.faults.push({ path: /^\/api\/.*tree/, times: 2, cutAfter: 40 });
    await pull();
    assert.is(hub.asked.filter(({ path: url }) => url.includes('/tree/')).length, 3);
    hub.faults.push({ path: /^\/api\/.*tree/, times: 99, cutAfter: 40 });
    assert.match((await errorOf(pull())).message, /cannot be reached/);
  }));

test('a listing with endless pages is refused', () =>
  withServedModel(async ({ pull, hub, env }) => {
    let pages = 0;
    const liar = createServer((request, response) => {
      const url = request.url ?? '';
      if (!url.includes('/tree/')) {
        response.writeHead(307, { location: `${hub.endpoint}${url}` }).end();
        return;
      }
      pages++;
      response.setHeader('link', `<http://${request.headers.host}${url}>; rel="next"`).end('[]');
    });
    await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
    const { port } = liar.address() as { port: number };
    const error = await errorOf(pull({ env: { ...env, HF_ENDPOINT: `http://127.0.0.1:${port}` } }));
    assert.match(error.message, /goes on after 1000 pages/);
    assert.is(pages, 1000);
    liar.closeAllConnections();
    await new Promise((resolve) => liar.close(resolve));
  }));

test('the files are listed at the commit that was named, also when the branch moves meanwhile', () =>
  withServedModel(async ({ pull, hub, commit }) => {
    await pull();
    const trees = hub.asked.filter(({ path: url }) => url.includes('/tree/'));
    assert.equal(
      trees.map(({ path: url }) => url.split('/tree/')[1]),
      [commit],
    );
  }));

/** The CLIP whose picture tower keeps its weights in `name`, of 18 characters. */
function externalFiles(name: string): Map<string, Buffer> {
  const files = tinyFiles();
  const read = (file: string): Buffer => readFileSync(path.join(TINY_CLIP_EXTERNAL, 'onnx', file));
  const graph = read('vision_model.onnx');
  graph.write(name, graph.indexOf('vision_weights.bin'), 'latin1');
  files.set(VISION, graph);
  return files.set(`onnx/${name}`, read('vision_weights.bin'));
}

test('special characters in file names are escaped in URLs', () =>
  withServedModel(async ({ pull, snapshotFile, files }) => {
    await pull();
    assert.ok(
      snapshotFile('onnx/a #1%20;b+c%&=.bin').equals(
        files.get('onnx/a #1%20;b+c%&=.bin') as Buffer,
      ),
    );
  }, externalFiles('a #1%20;b+c%&=.bin')));

test('external data under a name of its own is bounded too', () =>
  withServedModel(async ({ pull, hub, files }) => {
    const name = 'onnx/vision_weights.bin';
    const lfs = { oid: 'a'.repeat(64), size: 2 ** 40, pointerSize: 1 };
    hub.publish(REPOSITORY, { files, listing: new Map([[name, { lfs }]]) });
    const error = await errorOf(pull());
    assert.is(error.code, 'ERR_MODEL_INVALID');
    assert.match(error.message, /vision_weights\.bin with 1099511627776 bytes, allowed are/);
  }, externalFiles('vision_weights.bin')));

test('external data under a usual name is taken once', () => {
  const external = externalFiles('model.onnx_data_12');
  const files = new Map([
    ['config.json', external.get('config.json') as Buffer],
    ['onnx/model.onnx', external.get(VISION) as Buffer],
    ['onnx/model.onnx_data_12', external.get('onnx/model.onnx_data_12') as Buffer],
  ]);
  return withServedModel(async ({ pull }) => {
    const report = await pull();
    assert.equal(report.files.map((file) => file.path).sort(), [...files.keys()].sort());
  }, files);
});

test('a pull leaves no connection behind', () =>
  withServedModel(async ({ pull, hub }) => {
    await pull();
    // The hub hears of it a moment later; connections that are kept stay for seconds.
    for (const end = Date.now() + scaled(1000); Date.now() < end && (await hub.connections()) > 0;)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.is(await hub.connections(), 0);
  }));

test('a record written during a pull is kept', () =>
  withServedModel(async (served) => {
    await served.pull();
    const other = '1'.repeat(40);
    let isDone = false;
    await served.pull({
      dtype: 'q8',
      onFile: () => {
        if (isDone) return;
        isDone = true;
        const lock = JSON.parse(readFileSync(recordFile(served), 'utf8')) as {
          refs: Record<string, string>;
          entries: Record<string, unknown>;
        };
        lock.refs['v1'] = other;
        lock.entries[other] = lock.entries[served.commit];
        writeFileSync(recordFile(served), JSON.stringify(lock));
      },
    });
    const found = (await listModels(served.env)).filter(({ id }) => id.startsWith(REPOSITORY));
    assert.equal(found.map(({ id }) => id).sort(), [REPOSITORY, `${REPOSITORY}@v1`]);
    const whole = found.find(({ id }) => id === REPOSITORY);
    assert.equal(whole?.dtypes, ['fp32', 'q8']);
  }));

test('another size for a commit that was pulled before is refused', () =>
  withServedModel(async ({ pull, hub, files }) => {
    await pull();
    const size = (files.get('tokenizer.json') as Buffer).length + 1;
    hub.publish(REPOSITORY, { files, listing: new Map([['tokenizer.json', { size }]]) });
    hub.asked.length = 0;
    const error = await errorOf(pull());
    assert.is(error.code, 'ERR_MODEL_HASH');
    assert.match(error.message, /another size for the same commit/);
    assert.equal(hub.askedFor('tokenizer.json'), []);
  }));

test('an unlocked pull mark is replaced, whatever its content', () =>
  withServedModel(async (served) => {
    setMark(served, process.pid);
    const note = async (): Promise<string | undefined> =>
      (await listModels(served.env)).find(({ id }) => id === REPOSITORY)?.note;
    assert.match((await note()) ?? '', /did not end/);
    await served.pull();
    assert.is(readFileSync(markFile(served), 'utf8'), '');
    setMark(served, process.ppid, { dtype: 'int3' });
    assert.is(await note(), undefined);
    writeFileSync(markFile(served), '{');
    await served.pull();
  }));

test('a failed pull leaves its mark unlocked', () =>
  withServedModel(async (served) => {
    served.hub.faults.push({ path: /^\/store\//, times: 9, status: 500 });
    await errorOf(served.pull());
    assert.match(readFileSync(markFile(served), 'utf8'), /"revision":"main"/);
    assert.not.ok(await isLocked(markFile(served)));
  }));

test('a locked pull mark is respected, even if half written', () =>
  withServedModel(async (served) => {
    mkdirSync(served.folder, { recursive: true });
    for (const [note, who] of [
      ['{"revision":"main","dtype":"fp32","pid":7}', 'process 7'],
      ['', 'process unknown'],
    ] as const) {
      const held = await lockFile(markFile(served), note);
      const error = await errorOf(served.pull()).finally(() => held.close());
      assert.is(error.code, 'ERR_FILE_LOCKED');
      assert.match(error.message, new RegExp(`${who} is pulling ${REPOSITORY}`));
    }
    await served.pull();
  }));

test('a wrong link is corrected', () =>
  withServedModel(async ({ pull, folder, commit, files, snapshotFile }) => {
    await pull();
    const fs = await disk();
    const link = path.join(folder, 'snapshots', commit, TEXT);
    await fs.rm(link);
    await fs.symlink('../../../blobs/elsewhere', link);
    await pull();
    assert.ok(snapshotFile(TEXT).equals(files.get(TEXT) as Buffer));
  }));

test('where links are not allowed files are copied, and nothing is left beside them', () =>
  withServedModel(async ({ pull, folder, commit, files, snapshotFile }) => {
    const fs = await disk();
    const { symlink, rename } = fs;
    fs.symlink = () => Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' }));
    try {
      await pull();
      assert.ok(snapshotFile(TEXT).equals(files.get(TEXT) as Buffer));
      fs.rename = (from, to) =>
        String(to).endsWith('_quantized.onnx')
          ? Promise.reject(Object.assign(new Error('busy'), { code: 'EBUSY' }))
          : rename(from, to);
      assert.is(await codeOf(pull({ dtype: 'q8' })), 'ERR_IO');
    } finally {
      fs.symlink = symlink;
      fs.rename = rename;
    }
    const names = readdirSync(path.join(folder, 'snapshots', commit, 'onnx')).sort();
    assert.equal(names, ['text_model.onnx', 'vision_model.onnx']);
  }));

test.run();
