/**
 * {{name}}: a load balancer that gives clients the combiner that they would like, unless others have far less to do.
 *
 * What each function does and what must hold is written in wit/load-balancer.wit. Each call has an instance of its own:
 * nothing is kept from one to the next.
 */
import { readConfig, schema } from './config.js';
import { PluginError } from './errors.js';

const CONFIG_SCHEMA = schema({
  tolerance: {
    type: 'integer',
    description: 'How many clients more than the least loaded a combiner may have for a wish to be granted.',
    default: 10,
    minimum: 0,
  },
});

const hasRoom = ({ clients, capacity }) => capacity === undefined || clients < capacity;

export const loadBalancer = {
  describe() {
    return {
      name: '{{name}}',
      version: '0.1.0',
      summary: 'Gives clients the combiner that they would like, unless others have far less to do.',
      configSchema: JSON.stringify(CONFIG_SCHEMA),
      permissions: [],
    };
  },

  check(config) {
    readConfig(config, CONFIG_SCHEMA);
  },

  place(config, client, combiners) {
    const { tolerance } = readConfig(config, CONFIG_SCHEMA);
    // Of several the first by name, whatever order they come in.
    const before = (left, right) => left.clients - right.clients || (left.name < right.name ? -1 : 1);
    const roomy = combiners.filter(hasRoom).sort(before);
    if (roomy.length === 0) throw new PluginError('failed', 'no combiner has room for another client');
    const [least] = roomy;
    const wished = roomy.find(({ name }) => name === client.preferred);
    return wished && wished.clients <= least.clients + tolerance ? wished.name : least.name;
  },
};
