/**
 * FedAvg: the mean of the clients' models, weighted by their examples.
 *
 * x <- sum (n_k / N) u_k: McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized
 * Data", Algorithm 1. Computed as the global model plus the mean delta, which is the same. It keeps no state.
 */
import { MeanDelta } from './mean-delta.js';
import { PluginError } from './errors.js';

const CONFIG_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    weighted: {
      type: 'boolean',
      description: 'Whether a client weighs as much as it has examples; if not, all weigh the same.',
      default: true,
    },
  },
  additionalProperties: false,
};

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
    if (key !== 'weighted') throw new PluginError('invalid-config', `\`${key}\` is no parameter of this plugin`);
  }
  const { weighted = true } = given;
  if (typeof weighted !== 'boolean') {
    throw new PluginError('invalid-config', `\`weighted\` is ${JSON.stringify(weighted)}, but must be true or false`);
  }
  return { weighted };
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
      name: 'fedavg-javascript',
      version: '0.1.0',
      summary: "The mean of the clients' models, weighted by their examples.",
      configSchema: JSON.stringify(CONFIG_SCHEMA),
      permissions: [],
    };
  },

  mergeable() {
    return true;
  },

  begin({ config, globalModel }) {
    round = { ...readConfig(config), globalModel, mean: new MeanDelta(globalModel) };
  },

  add(update) {
    const { weighted, mean } = open();
    mean.add(update, weighted ? Number(update.info().numExamples) : 1);
  },

  partial() {
    return ended().mean.partial();
  },

  merge(part) {
    open().mean.merge(part);
  },

  finish() {
    const { globalModel, mean } = ended();
    const delta = mean.finish();
    return {
      model: globalModel.plus(delta),
      state: undefined,
      metrics: [{ name: 'update_norm', value: Math.sqrt(delta.squaredNorm()) }],
    };
  },
};
