// Native tests of the rule.
import assert from 'node:assert/strict';
import test from 'node:test';

import { clientSelector } from '../plugin.js';

const candidate = (client, asked = 0, givenUp = 0) => {
  const history = { asked, accepted: 0, refused: 0, givenUp, metrics: [] };
  return { client, attributes: [], history };
};

function chosen(clientsRequested, candidates, config = '{}') {
  const selection = { config, round: 1n, attempt: 1, seed: 0n, clientsRequested, clientsRequired: 1 };
  return clientSelector.select(selection, candidates).map(({ client }) => client);
}

test('those who were asked least often come first', () => {
  assert.deepEqual(chosen(2, [candidate('a', 2), candidate('b', 0), candidate('c', 1)]), ['b', 'c']);
});

test('the order of the candidates does not matter', () => {
  const candidates = [candidate('c'), candidate('a'), candidate('b')];
  assert.deepEqual(chosen(2, candidates), ['a', 'b']);
  assert.deepEqual(chosen(2, candidates.reverse()), ['a', 'b']);
});

test('an unreliable client comes last and is not left out', () => {
  const candidates = [candidate('a', 2, 2), candidate('b', 9, 1)];
  assert.deepEqual(chosen(2, candidates, '{"patience": 1}'), ['b', 'a']);
  assert.deepEqual(chosen(1, candidates, '{"patience": 2}'), ['a']);
});

test('a configuration that is wrong is refused by its key', () => {
  for (const [config, key] of [
    ['{"patience": -1}', 'patience'],
    ['{"patience": 0.5}', 'patience'],
    ['{"patience": null}', 'patience'],
    ['{"patients": 1}', 'patients'],
    ['[1]', 'object'],
    ['{', 'JSON'],
  ]) {
    assert.throws(
      () => clientSelector.check(config),
      ({ payload }) => payload.tag === 'invalid-config' && payload.val.includes(key),
    );
  }
});
