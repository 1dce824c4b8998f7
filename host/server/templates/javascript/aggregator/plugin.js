/**
 * {{name}}: an aggregator that goes along the mean of the clients' deltas, x <- x + learning_rate D.
 *
 * Models stay with the host; parameters are handles to them. What each function does and what must hold is written in
 * wit/aggregator.wit and wit/tensors.wit.
 */
import { MeanDelta } from './mean-delta.js';
import { PluginError } from './errors.js';

const CONFIG_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    learning_rate: {
      type: 'number',
      description: 'How far to go along the mean delta; above 0.',
      default: 1.0,
      exclusiveMinimum: 0,
    },
  },
  additionalProperties: false,
};

/** The values of a configuration, those that it does not name at their defaults. */
function readConfig(text) {
  let given;
  try {
    given = JSON.parse(text || '{}');
  } catch (error) {
    throw new PluginError('invalid-config', `this is no JSON: ${error.message}`);
  }
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw new PluginError('invalid-config', 'this is no JSON object');
  }
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(CONFIG_SCHEMA.properties, key)) {
      throw new PluginError('invalid-config', `\`${key}\` is no parameter of this plugin`);
    }
  }
  const { learning_rate = CONFIG_SCHEMA.properties.learning_rate.default } = given;
  if (!Number.isFinite(learning_rate) || learning_rate <= 0) {
    throw new PluginError('invalid-config', `\`learning_rate\` is ${learning_rate}, but must be a finite number above 0`);
  }
  return { learning_rate };
}

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
    round = { config: readConfig(config), globalModel, mean: new MeanDelta(globalModel) };
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
