/**
 * {{name}}: a storage adapter that keeps a checksum behind every blob, and gives back no blob that was damaged.
 *
 * Blobs stay with the host; a `Blob` is a handle to one. What the checksum needs is read in pieces, and what is put
 * together of other blobs never comes here. What each function does and what must hold is written in
 * wit/storage-adapter.wit and wit/blobs.wit.
 */
import { BlobWriter, storeGet, storeKeys, storePut, storeRemove } from 'fedwit:plugin/blobs@0.1.0';
import { Checksum } from './checksum.js';
import { readConfig, schema } from './config.js';
import { PluginError } from './errors.js';

/** Where the blobs are kept. */
const PREFIX = '{{name}}/';
/** Bytes of a checksum. */
const LENGTH = 4n;

/** Lets go of a handle at once: the host counts them, and the garbage collector may never come to it. */
const dispose = Symbol.dispose ?? Symbol.for('dispose');

const CONFIG_SCHEMA = schema({
  piece_kib: {
    type: 'integer',
    description: 'How much of a blob is read at a time, in KiB; from 1 to 65536.',
    default: 1024,
    minimum: 1,
    maximum: 65536,
  },
});

/** Of the adapter, once it is open. */
let pieceBytes;

/** The first `size` bytes of a blob as one of their own; `end` is put behind them. */
function copy(blob, size, end = new Uint8Array()) {
  const writer = new BlobWriter();
  writer.append(blob, 0n, size);
  writer.write(end);
  return BlobWriter.finish(writer);
}

/** Of the first `size` bytes of a blob, and of its key, so that no blob passes for another. */
function checksum(key, blob, size) {
  const sum = new Checksum();
  // A key has plain letters alone.
  sum.add(Uint8Array.from(key, (letter) => letter.charCodeAt(0)));
  for (let first = 0n; first < size; first += pieceBytes) {
    const left = size - first;
    sum.add(blob.read(first, left < pieceBytes ? left : pieceBytes));
  }
  return sum.bytes();
}

function isIntact(key, blob, size) {
  if (size < 0n) return false;
  const kept = blob.read(size, LENGTH);
  return checksum(key, blob, size).every((byte, index) => byte === kept[index]);
}

export const storageAdapter = {
  describe() {
    return {
      name: '{{name}}',
      version: '0.1.0',
      summary: 'Keeps a checksum behind every blob, and gives back no blob that was damaged.',
      configSchema: JSON.stringify(CONFIG_SCHEMA),
      permissions: [{ tag: 'storage-prefix', val: PREFIX }],
    };
  },

  open(config) {
    pieceBytes = BigInt(readConfig(config, CONFIG_SCHEMA).piece_kib) * 1024n;
  },

  put(key, value) {
    const size = value.size();
    const kept = copy(value, size, checksum(key, value, size));
    try {
      storePut(PREFIX + key, kept);
    } finally {
      kept[dispose]();
    }
  },

  get(key) {
    const kept = storeGet(PREFIX + key);
    if (!kept) return undefined;
    try {
      const size = kept.size() - LENGTH;
      if (!isIntact(key, kept, size)) {
        throw new PluginError('failed', `the blob under \`${key}\` is not what was put there`);
      }
      return copy(kept, size);
    } finally {
      kept[dispose]();
    }
  },

  remove(key) {
    storeRemove(PREFIX + key);
  },

  keys(prefix, after, most) {
    const found = storeKeys(PREFIX + prefix, after === undefined ? undefined : PREFIX + after, most);
    return found.map((key) => key.slice(PREFIX.length));
  },
};
