// Plants bugs, one at a time, in a copy of the tree, and checks that a harness or test detects each
// (docs/TESTING.md).
//
//   node tools/planted-bugs.mjs [part of a bug's name ...]
//
// The copy and its build are kept in build/planted. Takes minutes per bug.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = path.join(root, 'build/planted');

const harness = (name, ...more) => ({ name, command: ['tools/harness.mjs', name, ...more] });
const tests = (...parts) => ({ name: `C++ tests "${parts.join(' ')}"`, parts });

/** Each: description, file, old and new text, and the test that must fail. */
const BUGS = [
  {
    name: 'a commit record is not synced',
    file: 'native/storage/commit_log.cc',
    change: [['  SL_RETURN_IF_ERROR(file_.SyncData());\n', '']],
    by: harness('power_cut'),
  },
  {
    name: 'a new log is synced after its rename',
    file: 'native/storage/commit_log.cc',
    change: [
      [
        `    SL_RETURN_IF_ERROR(file.Sync());
    SL_RETURN_IF_ERROR(file.Close());
  }
  SL_RETURN_IF_ERROR(RenameDurable(beside, location));`,
        `    SL_RETURN_IF_ERROR(RenameDurable(beside, location));
    SL_RETURN_IF_ERROR(file.Sync());
    SL_RETURN_IF_ERROR(file.Close());
  }`,
      ],
    ],
    by: harness('power_cut'),
  },
  {
    name: 'the folder is not synced after a rename',
    file: 'native/platform/folder.cc',
    change: [['return SyncFolder(to.Above());', 'return Status::Ok();']],
    by: harness('power_cut'),
  },
  {
    name: 'the commit record goes before its rows are durable',
    file: 'native/storage/row_store.cc',
    change: [['return file_.SyncData();', 'return Status::Ok();']],
    by: harness('power_cut'),
  },
  {
    name: 'checksums are not looked at',
    file: 'native/format/crc32c.h',
    change: [['return computed == stored;', 'return (computed ^ stored) != 1;']],
    by: harness('damage'),
  },
  {
    name: 'the end of the rows is trimmed one row too early',
    file: 'native/index/open.cc',
    change: [
      [
        'index->rows_.TrimFile(index->committed_once_)',
        'index->rows_.TrimFile(std::max<uint64_t>(1, index->committed_once_) - 1)',
      ],
    ],
    by: harness('damage'),
  },
  {
    name: 'rows count before they are stored',
    file: 'native/index/write.cc',
    change: [
      [
        '  SL_RETURN_IF_ERROR(Store(vectors->data(), rows, record));',
        `  if (record->type == RecordType::kAppend) {
    SL_RETURN_IF_ERROR(keys_.Append(record->keys.data(), rows));
  }
  SL_RETURN_IF_ERROR(Store(vectors->data(), rows, record));`,
      ],
      [': keys_.Append(record->keys.data(), rows);', ': Status::Ok();'],
    ],
    by: harness('faults'),
  },
  {
    name: 'writing goes on after a failed commit',
    file: 'native/index/write.cc',
    change: [['  if (!done.ok() && !untouched) broken_ = done;\n', '']],
    by: harness('faults'),
  },
  {
    name: 'working space cannot be put back without memory',
    file: 'native/hnsw/scratch.h',
    change: [['} catch (const std::bad_alloc&) {', '} catch (const char*) {']],
    by: harness('memory'),
  },
  {
    name: 'a graph from before a rollback is used',
    file: 'native/index/open.cc',
    change: [
      [
        '*bound = found && snapshot->nodes <= fewest;',
        '*bound = ours && snapshot->nodes <= keys_.rows();',
      ],
    ],
    by: harness('mixtures'),
  },
  {
    name: 'a leftover that cannot be removed stops a writer',
    file: 'native/index/open.cc',
    change: [
      [
        '(void)RemoveFile(folder_.At(RowsOnTheWay(number + 1)));',
        'SL_RETURN_IF_ERROR(RemoveFile(folder_.At(RowsOnTheWay(number + 1))));',
      ],
    ],
    by: harness('mixtures'),
  },
  {
    name: "somebody's file takes the place of good rows",
    file: 'native/index/compact.cc',
    change: [['  return !HoldsRowsOfLog(folder_, kRowsName, max_rows_) ||', '  return true ||']],
    by: harness('mixtures'),
  },
  {
    name: 'the lock is not taken',
    file: 'native/platform/lock.cc',
    change: [['result = flock(file.descriptor(), LOCK_EX | LOCK_NB);', 'result = 0;']],
    by: tests('lock_'),
  },
  {
    name: 'links are followed without a look at their bounds',
    file: 'native/hnsw/search.cc',
    change: [['    if (id >= nodes) {\n', '    if (id >= nodes && id == kNoRow) {\n']],
    by: tests('hostile_links'),
  },
  {
    name: 'a writer takes over a graph with links to nowhere',
    file: 'native/index/open.cc',
    change: [['if (loaded.ok() && !LinksFit(*graph_)) {', 'if (false && !LinksFit(*graph_)) {']],
    by: tests('right_checksums'),
  },
];

function run(command, parameters) {
  const result = spawnSync(command, parameters, { cwd: root, encoding: 'utf8' });
  // A death by signal counts as a failure.
  return { status: result.status ?? 1, output: `${result.stdout ?? ''}${result.stderr ?? ''}` };
}

/** Writes only changed files, so that little is compiled. */
function write(file, text) {
  const to = path.join(copy, file);
  if (existsSync(to) && readFileSync(to).equals(Buffer.from(text))) return;
  mkdirSync(path.dirname(to), { recursive: true });
  writeFileSync(to, text);
}

function copyTree() {
  const folders = ['CMakeLists.txt', 'native', 'test/native', 'test/harness', 'bench/native'];
  const flags = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...folders];
  for (const file of run('git', flags).output.trim().split('\n'))
    if (existsSync(path.join(root, file))) write(file, readFileSync(path.join(root, file)));
}

/** @returns {'passed' | 'failed' | 'not built'} */
function outcome({ command, parts }) {
  if (command !== undefined) {
    const { status, output } = run(process.execPath, [...command, `--source=${copy}`]);
    if (status === 2) console.error(output);
    return status === 0 ? 'passed' : status === 1 ? 'failed' : 'not built';
  }
  const build = path.join(copy, 'build/plain');
  const made = [
    ['-S', copy, '-B', build, '-DCMAKE_BUILD_TYPE=Release'],
    ['--build', build, '--target', 'sightline_tests', '--parallel', '2'],
  ].map((parameters) => run('cmake', parameters));
  const broken = made.find(({ status }) => status !== 0);
  if (broken !== undefined) console.error(broken.output);
  if (broken !== undefined) return 'not built';
  return run(path.join(build, 'sightline_tests'), parts).status === 0 ? 'passed' : 'failed';
}

function main(parts) {
  copyTree();
  const chosen = BUGS.filter(
    ({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)),
  );
  let missed = 0;
  // Without a bug the tests must pass.
  for (const by of new Map(chosen.map(({ by }) => [by.name, by])).values()) {
    const result = outcome(by);
    console.log(`no bug: ${by.name}: ${result}`);
    if (result !== 'passed') return 1;
  }
  for (const { name, file, change, by } of chosen) {
    const original = readFileSync(path.join(root, file), 'utf8');
    let planted = original;
    for (const [from, to] of change) {
      if (planted.split(from).length !== 2)
        throw new Error(`${name}: not once in ${file}: ${from}`);
      planted = planted.replace(from, () => to);
    }
    write(file, planted);
    const result = outcome(by);
    write(file, original);
    if (result !== 'failed') missed++;
    console.log(`${result === 'failed' ? 'caught' : 'MISSED'}: ${name}: ${by.name}: ${result}`);
  }
  console.log(`${chosen.length - missed} of ${chosen.length} caught`);
  return missed === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
