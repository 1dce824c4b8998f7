// Native tests of the rule. Each begins a round of its own.
import assert from 'node:assert/strict';
import test from 'node:test';

import { Parameters } from 'fedwit:plugin/tensors@0.1.0';
import { Update } from 'fedwit:plugin/updates@0.1.0';
import { aggregator } from '../plugin.js';

const model = (...values) => new Parameters({ w: values });

function begin(config = '{}') {
  aggregator.begin({ config, round: 1n, seed: 0n, globalModel: model(0), state: undefined });
}

function add(numExamples, sent) {
  aggregator.add(new Update(numExamples, model(sent), model(0)));
}

function finished() {
  return aggregator.finish().model.tensors.w[0];
}

test('clients weigh by their examples', () => {
  begin();
  add(10, 1);
  add(30, 5);
  assert.equal(finished(), 4);
});

test('clients can weigh the same', () => {
  begin('{"weighted": false}');
  add(10, 1);
  add(30, 5);
  assert.equal(finished(), 3);
});

test('shares of clients that weigh the same are merged by their number', () => {
  begin('{"weighted": false}');
  add(1000, 3);
  add(1, 6);
  const share = aggregator.partial();
  begin('{"weighted": false}');
  add(50, 0);
  aggregator.merge(share);
  assert.equal(finished(), 3);
});

test('a configuration that is wrong is refused by its key', () => {
  for (const [config, key] of [
    ['{"weighted": 1}', 'weighted'],
    ['{"weighted": null}', 'weighted'],
    ['{"weight": true}', 'weight'],
    ['[true]', 'object'],
  ]) {
    assert.throws(() => begin(config), ({ payload }) => payload.tag === 'invalid-config' && payload.val.includes(key));
  }
});

test('nothing is done where no round is open', () => {
  begin();
  aggregator.partial();
  for (const call of [() => add(1, 1), () => aggregator.partial(), () => aggregator.finish()]) {
    assert.throws(call, ({ payload }) => payload.tag === 'failed' && payload.val.includes('open'));
  }
});
