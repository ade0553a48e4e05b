/** When a pool that loses workers goes on, and when it rests. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LostWork } from '../../lib/encode/pool/encoder-process';
import { LossCount } from '../../lib/encode/pool/worker-loss';
import { isLibraryError } from '../../lib/base/errors';

const crash = new LostWork('ended (SIGSEGV)', true);
const slow = new LostWork('it took too long', true, 120);
const failedStart = new LostWork('ended (SIGKILL)', false);
const slowStart = new LostWork('it took too long', false, 300_000);

function refusal(losses: LossCount): string {
  try {
    losses.refuseWhileTooMany('image');
    return '';
  } catch (error) {
    assert.ok(isLibraryError(error));
    assert.is(error.code, 'ERR_ENCODE');
    assert.is(error.details['retryAfterSeconds'], 60);
    return error.message;
  }
}

function lossesOf(kinds: readonly LostWork[]): LossCount {
  const losses = new LossCount();
  for (const kind of kinds) losses.add(kind);
  return losses;
}

const times = (count: number, kind: LostWork): LostWork[] =>
  Array.from({ length: count }, () => kind);

test('slow inputs never count, however many', () => {
  assert.is(refusal(lossesOf(times(1000, slow))), '');
});

test('five starts in a row without the model, by death or time, and the reason is that of the last', () => {
  assert.is(refusal(lossesOf(times(4, failedStart))), '');
  assert.match(refusal(lossesOf(times(5, failedStart))), /5 workers in a row before.*SIGKILL/);
  assert.match(refusal(lossesOf([...times(4, failedStart), slowStart])), /longer than 300 s/);
});

test('crashes on inputs end it when nothing is answered in between, and not before', () => {
  assert.is(refusal(lossesOf(times(24, crash))), '');
  assert.match(refusal(lossesOf(times(25, crash))), /25 workers in a row and answered nothing/);
  const answered = lossesOf(times(24, crash));
  answered.noteAnswer();
  for (const kind of times(24, crash)) answered.add(kind);
  assert.is(refusal(answered), '');
});

test('a model that loads forgives failed starts, but not crashes', () => {
  const losses = lossesOf([...times(4, failedStart), ...times(24, crash)]);
  losses.noteReady();
  losses.add(failedStart);
  assert.is(refusal(losses), '');
  losses.add(crash);
  assert.match(refusal(losses), /25 workers/);
});

test.run();
