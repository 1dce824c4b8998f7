import { Accumulator } from 'fedwit:plugin/tensors@0.1.0';
import { PluginError } from './errors.js';

/** The name that a share's mean is handed up by. */
const NAME = 'mean_delta';

/** Lets go of a handle at once: the host counts them, and the garbage collector may never come to it. */
const dispose = Symbol.dispose ?? Symbol.for('dispose');

/**
 * The weighted mean of the clients' deltas, which most aggregators begin with: with u_k what client k sent, x the global
 * model and w_k its weight, D = sum (w_k / W) (u_k - x).
 */
export class MeanDelta {
  /** No deltas yet, of models like `globalModel`. */
  constructor(globalModel) {
    this.accumulator = new Accumulator(globalModel);
    this.updates = 0n;
  }

  /** Takes the delta of an update in, and lets go of the update. What is rejected has changed nothing. */
  add(update, weight) {
    const delta = update.delta();
    try {
      this.take(delta, weight, 1n);
    } finally {
      delta[dispose]();
      update[dispose]();
    }
  }

  /** What was added and merged so far, for another instance to merge. */
  partial() {
    const { updates } = this;
    const weight = this.accumulator.totalWeight();
    // In the dtypes of computation: the mean of integers is none.
    const parameters = updates > 0n ? [{ name: NAME, value: Accumulator.mean(this.accumulator).widened() }] : [];
    return { parameters, bytes: new Uint8Array(), weight, updates };
  }

  /** Takes in what another instance handed up, by its weight. What is rejected has changed nothing. */
  merge({ parameters, bytes, weight, updates }) {
    const [share] = parameters;
    if (bytes.length > 0 || parameters.length !== (updates > 0n ? 1 : 0) || (share && share.name !== NAME)) {
      throw new PluginError('rejected', `this is no share of ${updates} updates with a \`${NAME}\``);
    }
    if (!share) return;
    try {
      this.take(share.value, weight, updates);
    } finally {
      share.value[dispose]();
    }
  }

  /** The mean. Fails if nothing was added or merged. */
  finish() {
    if (this.updates === 0n) throw new PluginError('failed', 'no update was added');
    return Accumulator.mean(this.accumulator);
  }

  take(delta, weight, updates) {
    try {
      this.accumulator.add(delta, weight);
    } catch (error) {
      // Only this update's or share's fault: the host names what does not fit.
      if (error.payload?.tag === 'failed') throw new PluginError('rejected', error.payload.val);
      throw error;
    }
    this.updates += updates;
  }
}
