// Native tests of the rule.
import assert from 'node:assert/strict';
import test from 'node:test';

import { Blob, store } from 'fedwit:plugin/blobs@0.1.0';
import { Checksum } from '../checksum.js';
import { storageAdapter } from '../plugin.js';

function open(config = '{"piece_kib": 1}') {
  store.clear();
  storageAdapter.open(config);
}

function refuses(kind, call, text) {
  assert.throws(call, ({ payload }) => payload.tag === kind && payload.val.includes(text));
}

test('the checksum is the one that everybody has', () => {
  const sum = new Checksum();
  sum.add(new TextEncoder().encode('1234'));
  sum.add(new TextEncoder().encode('56789'));
  assert.deepEqual([...sum.bytes()], [0x26, 0x39, 0xf4, 0xcb]);
});

test('what was put is there until it is removed', () => {
  open();
  for (const size of [0, 1, 1023, 1024, 1025, 5000]) {
    const content = Uint8Array.from({ length: size }, (_, index) => index % 251);
    storageAdapter.put('a', new Blob(content));
    assert.deepEqual(storageAdapter.get('a').bytes, content);
  }
  storageAdapter.remove('a');
  assert.equal(storageAdapter.get('a'), undefined);
});

test('a blob that was damaged is an error', () => {
  open();
  storageAdapter.put('a', new Blob([7, 8, 9]));
  const [[place, kept]] = store;
  for (let index = 0; index < kept.length; index++) {
    store.set(place, kept.with(index, kept[index] ^ 1));
    refuses('failed', () => storageAdapter.get('a'), '`a`');
  }
  for (const torn of [kept.slice(0, 3), kept.slice(1), new Uint8Array()]) {
    store.set(place, torn);
    refuses('failed', () => storageAdapter.get('a'), '`a`');
  }
  // Under another key than it was put under.
  store.set(place.replace(/a$/, 'b'), kept);
  refuses('failed', () => storageAdapter.get('b'), '`b`');
});

test('keys are those that were put', () => {
  open();
  for (const key of ['m/2', 'm/1', 'n']) storageAdapter.put(key, new Blob([]));
  assert.deepEqual(storageAdapter.keys('m/', undefined, 10), ['m/1', 'm/2']);
  assert.deepEqual(storageAdapter.keys('', 'm/1', 1), ['m/2']);
});

test('a configuration that is wrong is refused by its key', () => {
  for (const [config, key] of [
    ['{"piece_kib": 0}', 'piece_kib'],
    ['{"piece_kib": 65537}', 'piece_kib'],
    ['{"piece": 1}', 'piece'],
    ['{', 'JSON'],
  ]) {
    refuses('invalid-config', () => open(config), key);
  }
});
