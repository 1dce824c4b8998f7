/**
 * {{name}}: an aggregator that goes along the mean of the clients' deltas, x <- x + learning_rate D.
 *
 * Models stay with the host; parameters are handles to them. What each function does and what must hold is written in
 * wit/aggregator.wit and wit/tensors.wit.
 */
import { readConfig, schema } from './config.js';
import { PluginError } from './errors.js';
import { MeanDelta } from './mean-delta.js';

const CONFIG_SCHEMA = schema({
  learning_rate: {
    type: 'number',
    description: 'How far to go along the mean delta; above 0.',
    default: 1.0,
    exclusiveMinimum: 0,
  },
});

/** An instance is one round: `begin` once, `add` and `merge` as often as the host wants, then `partial` or `finish`. */
let round;

function open() {
  if (!round) throw new PluginError('failed', 'no round is open');
  return round;
}

function ended() {
  const last = open();
  round = undefined;
  return last;
}

export const aggregator = {
  describe() {
    return {
      name: '{{name}}',
      version: '0.1.0',
      summary: "Goes along the mean of the clients' deltas.",
      configSchema: JSON.stringify(CONFIG_SCHEMA),
      permissions: [],
    };
  },

  mergeable() {
    return true;
  },

  begin({ config, globalModel }) {
    round = { config: readConfig(config, CONFIG_SCHEMA), globalModel, mean: new MeanDelta(globalModel) };
  },

  add(update) {
    open().mean.add(update, Number(update.info().numExamples));
  },

  partial() {
    return ended().mean.partial();
  },

  merge(part) {
    open().mean.merge(part);
  },

  finish() {
    const { config, globalModel, mean } = ended();
    const delta = mean.finish();
    return {
      model: globalModel.plus(delta.scaled(config.learning_rate)),
      state: undefined,
      metrics: [{ name: 'update_norm', value: Math.sqrt(delta.squaredNorm()) }],
    };
  },
};
