// Loaded by tools/run-tests.mjs before each test file. uvu prints the `details` of an error as text; those of our
// errors are an object, on which it fails: the file then ends without a word of what failed, and with 0. The same
// happens after an error in a `before`. So tests and hooks throw what uvu can print, and hooks print it themselves.
import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { isMainThread } from 'node:worker_threads';

function readable(error) {
  if (error instanceof Error && typeof error.details !== 'object') return error;
  const text = inspect(error, { depth: 4 });
  return Object.assign(new Error(text), { stack: 'printed above' });
}

const guard = (handler, onError) => async (state) => {
  try {
    await handler(state);
  } catch (error) {
    const shown = readable(error);
    onError(shown);
    throw shown;
  }
};

/** What a hook throws never gets as far as the summary. */
function fail(error) {
  console.log(`\nFAIL in a hook: ${error.stack}`);
  process.on('exit', () => (process.exitCode = 1));
}

function withReadable(test) {
  const taking = (add) => (name, handler) =>
    add(
      name,
      guard(handler, () => undefined),
    );
  const hooks = (add) =>
    Object.assign((handler) => add(guard(handler, fail)), {
      each: (handler) => add.each(guard(handler, fail)),
    });
  return Object.assign(taking(test), {
    only: taking(test.only),
    skip: test.skip,
    before: hooks(test.before),
    after: hooks(test.after),
    run: test.run,
  });
}

// Threads and forked processes load this too.
if (isMainThread && /\.test\.js$/.test(process.argv[1] ?? '')) {
  const uvu = createRequire(import.meta.url)('uvu');
  const { suite } = uvu;
  uvu.test = withReadable(uvu.test);
  uvu.suite = (...args) => withReadable(suite(...args));
}
