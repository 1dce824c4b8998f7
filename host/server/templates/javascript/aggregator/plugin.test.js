// Native tests of the rule. Each begins a round of its own.
import assert from 'node:assert/strict';
import test from 'node:test';

import { Parameters } from 'fedwit:plugin/tensors@0.1.0';
import { Update } from 'fedwit:plugin/updates@0.1.0';
import { aggregator } from '../plugin.js';

const model = (...values) => new Parameters({ w: values });

function begin(globalModel, config = '{}') {
  aggregator.begin({ config, round: 1n, seed: 0n, globalModel, state: undefined });
}

function finished() {
  return aggregator.finish().model.tensors.w;
}

function refuses(kind, call, text = '') {
  assert.throws(call, ({ payload }) => payload.tag === kind && payload.val.includes(text));
}

test('clients weigh by their examples', () => {
  begin(model(1));
  aggregator.add(new Update(10, model(2), model(1)));
  aggregator.add(new Update(30, model(6), model(1)));
  assert.deepEqual(finished(), [5]);
});

test('a learning rate scales the step', () => {
  begin(model(1), '{"learning_rate": 0.5}');
  aggregator.add(new Update(10, model(3), model(1)));
  assert.deepEqual(finished(), [2]);
});

test('merging is adding', () => {
  begin(model(1));
  aggregator.add(new Update(10, model(2), model(1)));
  aggregator.add(new Update(20, model(5), model(1)));
  const share = aggregator.partial();
  assert.deepEqual([share.weight, share.updates], [30, 2n]);
  begin(model(1));
  const empty = aggregator.partial();

  begin(model(1));
  aggregator.add(new Update(10, model(1), model(1)));
  aggregator.merge(empty);
  aggregator.merge(share);
  assert.deepEqual(finished(), [1 + (10 * 1 + 20 * 4) / 40]);
});

test('what is rejected leaves no weight', () => {
  begin(model(0));
  aggregator.add(new Update(1, model(1), model(0)));
  refuses('rejected', () => aggregator.add(new Update(99, model(9, 9), model(0, 0))));
  refuses('rejected', () => aggregator.merge({ parameters: [], bytes: new Uint8Array(), weight: 99, updates: 5n }));
  assert.deepEqual(finished(), [1]);
});

test('a round without updates fails', () => {
  begin(model(0));
  refuses('failed', () => aggregator.finish());
  refuses('failed', () => aggregator.partial(), 'open');
});

test('a configuration that is wrong is refused by its key', () => {
  for (const [config, key] of [
    ['{"learning_rate": 0}', 'learning_rate'],
    ['{"learning_rate": "fast"}', 'learning_rate'],
    ['{"momentum": 1}', 'momentum'],
    ['{"constructor": 1}', 'constructor'],
    ['[1]', 'object'],
    ['{', 'JSON'],
  ]) {
    refuses('invalid-config', () => begin(model(0), config), key);
  }
});
