/**
 * Doubles of the host's tensors: a model is a plain object of arrays, computed with in memory. Only what the plugin
 * calls is here; wit/tensors.wit says what the rest does.
 */

function failed(why) {
  return Object.assign(new Error(why), { payload: { tag: 'failed', val: why } });
}

export class Handle {
  [Symbol.dispose ?? Symbol.for('dispose')]() {}
}

export class Parameters extends Handle {
  constructor(tensors) {
    super();
    this.tensors = tensors;
  }

  each(compute, other = this) {
    const tensors = Object.entries(this.tensors).map(([name, values]) => {
      const others = other.tensors[name];
      if (others?.length !== values.length) throw failed(`tensor \`${name}\` does not fit`);
      return [name, values.map((value, index) => compute(value, others[index]))];
    });
    return new Parameters(Object.fromEntries(tensors));
  }

  plus(other) {
    return this.each((left, right) => left + right, other);
  }

  minus(other) {
    return this.each((left, right) => left - right, other);
  }

  scaled(factor) {
    return this.each((value) => value * factor);
  }

  widened() {
    return this;
  }

  squaredNorm() {
    return Object.values(this.tensors).flat().reduce((sum, value) => sum + value * value, 0);
  }
}

export class Accumulator extends Handle {
  constructor(like) {
    super();
    this.sum = like.scaled(0);
    this.weight = 0;
  }

  add(value, weight) {
    if (!Number.isFinite(weight) || weight <= 0) throw failed(`the weight ${weight} is not a positive finite number`);
    this.sum = this.sum.plus(value.scaled(weight));
    this.weight += weight;
  }

  totalWeight() {
    return this.weight;
  }

  static mean({ sum, weight }) {
    if (weight === 0) throw failed('a mean of no values');
    return sum.scaled(1 / weight);
  }
}
