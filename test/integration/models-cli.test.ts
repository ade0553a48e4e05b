/** `sightline models`: what it prints, and the exit codes. */
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { InstalledModel, ModelVerification, PullReport } from '../../lib/library/models';
import { documentOf, errorOf, runCli, startCli, type CliResult } from '../helpers/cli';
import { LoopbackHub } from '../helpers/loopback-hub';
import { REPOSITORY, VISION, withServedModel } from '../helpers/served-model';
import { makeTempDir } from '../helpers/temp';

const models = (env: Record<string, string>, ...args: string[]): Promise<CliResult> =>
  runCli(['models', ...args], { env });

test('pull, list, verify: tables for people, one document or lines for programs', () =>
  withServedModel(async ({ env, commit }) => {
    const plan = await models(env, 'pull', REPOSITORY, '--dry-run');
    assert.is(plan.code, 0, plan.stderr);
    assert.match(plan.stdout, /onnx\/vision_model\.onnx +[\d.]+ KB +needed/);
    assert.match(plan.stderr, /dry run, nothing written.*6 files to download/);
    assert.match((await models(env, 'list')).stdout, /^model.*\nbuiltin [^\n]*complete[^\n]*\n$/);

    const pulled = await models(env, 'pull', REPOSITORY, '--progress', 'json');
    assert.is(pulled.code, 0, pulled.stderr);
    assert.match(pulled.stdout, /tokenizer\.json +[\d.]+ KB +downloaded/);
    assert.match(pulled.stderr, new RegExp(`${commit.slice(0, 12)}: [\\d.]+ KB downloaded`));
    assert.match(pulled.stderr, /use it with: --model acme\/tiny-clip/);
    const events = pulled.stderr.split('\n').filter((line) => line.startsWith('{'));
    const last = JSON.parse(events[events.length - 1] as string) as Record<string, unknown>;
    assert.is(last.phase, 'download');
    assert.is(last.done, last.total);

    const report = documentOf<PullReport>(await models(env, 'pull', REPOSITORY, '--json'));
    assert.is(report.revision, commit);
    const lines = await models(env, 'pull', REPOSITORY, '--ndjson', '--dtype', 'q8');
    const files = lines.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { path: string });
    assert.is(files.length, 6);

    const list = documentOf<{ models: InstalledModel[] }>(await models(env, 'list', '--json'));
    const found = list.models.find((model) => model.id === REPOSITORY);
    assert.equal([found?.state, found?.dtypes], ['complete', ['fp32', 'q8']]);
    assert.is((await models(env, 'list', '--ndjson')).stdout.trim().split('\n').length, 2);

    const verified = await models(env, 'verify', REPOSITORY);
    assert.is(verified.code, 0, verified.stdout);
    assert.match(verified.stdout, /fp32 on cpu: golden vectors recorded/);
    assert.match(verified.stdout, /q8 on cpu: worst cosine (1\.0|0\.9)\d+, at least 0\.95/);
  }));

test('a changed file: verify ends with 3, a search with that model with 4, both with the remedy', () =>
  withServedModel(async ({ env, pull, folder, commit }) => {
    await pull();
    const file = realpathSync(path.join(folder, 'snapshots', commit, VISION));
    const bytes = readFileSync(file);
    bytes[40] = (bytes[40] as number) ^ 1;
    writeFileSync(file, bytes);
    const verified = await models(env, 'verify', '--json');
    assert.is(verified.code, 3);
    const document = documentOf<{ ok: boolean; models: ModelVerification[] }>(verified);
    assert.not.ok(document.ok);
    assert.equal(
      document.models.map(({ isOk }) => isOk),
      [true, false],
    );
    const search = await runCli(['search', 'x', makeTempDir('root'), '--model', REPOSITORY], {
      env,
    });
    assert.is(search.code, 4, search.stderr);
    assert.match(search.stderr, /ERR_MODEL_HASH/);
    assert.match(search.stderr, /sightline models pull acme\/tiny-clip/);
  }));

test('an unreachable hub exits with 4 and a remedy, wrong usage with 2', async () => {
  const gone = await LoopbackHub.start();
  const { endpoint } = gone;
  await gone.close();
  const env = { HF_ENDPOINT: endpoint, HF_HUB_CACHE: makeTempDir('cache') };
  const away = await models(env, 'pull', 'clip-vit-base-patch32', '--json');
  assert.is(away.code, 4);
  assert.is(errorOf(away).code, 'ERR_MODEL_MISSING');
  assert.match(errorOf(away).message, /sightline models pull clip-vit-base-patch32/);
  const cases: [string[], RegExp][] = [
    [['pull'], /which one\?/],
    [['pull', 'a/b', '--dtype', 'int4'], /Allowed choices are fp32, fp16, q8/],
    [['pull', 'no-such-name'], /all-MiniLM-L6-v2/],
    [['pull', 'a/b', '--revision', '../x'], /a revision is/],
    [['list', 'x'], /takes no name/],
    [['list', '--dtype', 'q8'], /--dtype belongs to/],
    [['verify', '--dry-run'], /--dry-run belongs to pull/],
    [['list', '--json', '--ndjson'], /exclude each other/],
  ];
  for (const [args, said] of cases) {
    const result = await models(env, ...args);
    assert.is(result.code, 2, args.join(' '));
    assert.match(result.stderr + result.stdout, said);
  }
});

test('Ctrl-C ends a pull with 130, and the next one resumes', () =>
  withServedModel(async ({ hub, env }) => {
    hub.faults.push({ path: /^\/store\//, times: 1, cutAfter: 500 });
    hub.faults.push({ path: /^\/store\//, times: 1, stalls: true });
    const running = startCli(['models', 'pull', REPOSITORY], { env, ownGroup: true });
    await hub.stalled;
    running.ctrlC();
    const result = await running.ended;
    assert.is(result.code, 130, result.stderr);
    assert.match(result.stderr, /the next pull resumes here/);
    hub.asked.length = 0;
    assert.is((await models(env, 'pull', REPOSITORY)).code, 0);
    assert.is(hub.asked.find(({ server }) => server === 'store')?.range, 'bytes=500-');
  }));

test('a pull that is killed is listed as incomplete, and the next one resumes', () =>
  withServedModel(async ({ hub, env }) => {
    hub.faults.push({ path: /^\/store\//, times: 1, cutAfter: 500 });
    hub.faults.push({ path: /^\/store\//, times: 1, stalls: true });
    const running = startCli(['models', 'pull', REPOSITORY], { env });
    await hub.stalled;
    const during = await models(env, 'list');
    assert.match(during.stderr, new RegExp(`process ${running.child.pid} is pulling it`));
    running.child.kill('SIGKILL');
    await running.ended;
    const after = await models(env, 'list');
    assert.match(after.stdout, /acme\/tiny-clip .*incomplete/);
    assert.match(after.stderr, /did not end: sightline models pull acme\/tiny-clip --dtype fp32/);
    hub.asked.length = 0;
    assert.is((await models(env, 'pull', REPOSITORY)).code, 0);
    assert.is(hub.asked.find(({ server }) => server === 'store')?.range, 'bytes=500-');
  }));

test.run();
