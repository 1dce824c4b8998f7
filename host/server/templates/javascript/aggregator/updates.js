import { Handle } from './tensors.js';

/** What a client that trained `base` to `sent` on so many examples sends. */
export class Update extends Handle {
  constructor(numExamples, sent, base) {
    super();
    Object.assign(this, { numExamples, sent, base });
  }

  info() {
    return { client: 'a client', numExamples: BigInt(this.numExamples), staleness: 0, metrics: [] };
  }

  parameters() {
    return this.sent;
  }

  delta() {
    return this.sent.minus(this.base);
  }
}
