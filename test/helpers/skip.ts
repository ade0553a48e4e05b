/** Tests that cannot run on this machine. The runner counts them as skipped, not as passed. */
import { test } from 'uvu';

/** `return skip('why')` in the body of a test. In CI the reason must be in tools/allowed-skips.mjs. */
export function skip(reason: string): void {
  // uvu writes its dots without an end of line.
  console.log(`\nskip: ${reason}`);
}

/** Stands for all tests of a file. */
export function skipAll(reason: string): void {
  test(reason, () => skip(reason));
}

/** `test` itself, or one that skips every test, where there is a `reason` to. */
export function testUnless(reason: string | undefined) {
  return (name: string, body: () => void | Promise<void>): void =>
    test(name, reason === undefined ? body : () => skip(reason));
}
