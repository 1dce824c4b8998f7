/** What each byte does to the sum. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

/** CRC-32, as in zlib: it finds damage, and keeps out nobody who means harm. */
export class Checksum {
  sum = 0xffffffff;

  /** Takes in more bytes. */
  add(bytes) {
    let { sum } = this;
    for (let index = 0; index < bytes.length; index++) sum = TABLE[(sum ^ bytes[index]) & 0xff] ^ (sum >>> 8);
    this.sum = sum;
  }

  /** The sum of all bytes so far, in four bytes, the lowest first. */
  bytes() {
    const sum = ~this.sum;
    return Uint8Array.of(sum, sum >>> 8, sum >>> 16, sum >>> 24);
  }
}
