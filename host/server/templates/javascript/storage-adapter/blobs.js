/** Doubles of the host's blobs and of its store: bytes in memory. */

function failed(why) {
  return Object.assign(new Error(why), { payload: { tag: 'failed', val: why } });
}

class Handle {
  [Symbol.dispose ?? Symbol.for('dispose')]() {}
}

export class Blob extends Handle {
  constructor(bytes) {
    super();
    this.bytes = Uint8Array.from(bytes);
  }

  size() {
    return BigInt(this.bytes.length);
  }

  read(first, count) {
    if (first + count > this.size()) throw failed(`${count} bytes from byte ${first} on are not there`);
    return this.bytes.slice(Number(first), Number(first + count));
  }
}

export class BlobWriter extends Handle {
  bytes = [];

  write(bytes) {
    this.bytes.push(...bytes);
  }

  append(source, first, count) {
    this.write(source.read(first, count));
  }

  static finish({ bytes }) {
    return new Blob(bytes);
  }
}

/** What the host keeps: bytes by their keys. */
export const store = new Map();

export function storePut(key, { bytes }) {
  store.set(key, bytes);
}

export function storeGet(key) {
  return store.has(key) ? new Blob(store.get(key)) : undefined;
}

export function storeRemove(key) {
  store.delete(key);
}

export function storeKeys(prefix, after, most) {
  const wanted = (key) => key.startsWith(prefix) && (after === undefined || key > after);
  return [...store.keys()].filter(wanted).sort().slice(0, most);
}
