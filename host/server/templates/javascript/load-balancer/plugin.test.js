// Native tests of the rule.
import assert from 'node:assert/strict';
import test from 'node:test';

import { loadBalancer } from '../plugin.js';

const combiner = (name, clients, capacity = undefined) => ({ name, clients, capacity });

function placed(preferred, combiners, config = '{}') {
  return loadBalancer.place(config, { id: '1', name: 'a client', attributes: [], preferred }, combiners);
}

test('a client without a wish joins the least loaded', () => {
  const combiners = [combiner('a', 3), combiner('c', 1), combiner('b', 1)];
  assert.equal(placed(undefined, combiners), 'b');
  assert.equal(placed('nowhere', combiners.reverse()), 'b');
});

test('a wish is granted within the tolerance', () => {
  const combiners = [combiner('a', 3), combiner('b', 1)];
  assert.equal(placed('a', combiners, '{"tolerance": 2}'), 'a');
  assert.equal(placed('a', combiners, '{"tolerance": 1}'), 'b');
});

test('nobody joins a combiner that is full', () => {
  const full = combiner('a', 1, 1);
  assert.equal(placed('a', [full, combiner('b', 9)]), 'b');
  assert.throws(() => placed(undefined, [full]), ({ payload }) => payload.tag === 'failed');
});

test('a configuration that is wrong is refused by its key', () => {
  for (const [config, key] of [
    ['{"tolerance": -1}', 'tolerance'],
    ['{"tolerance": "much"}', 'tolerance'],
    ['{"patience": 1}', 'patience'],
    ['[1]', 'object'],
  ]) {
    assert.throws(
      () => loadBalancer.check(config),
      ({ payload }) => payload.tag === 'invalid-config' && payload.val.includes(key),
    );
  }
});
