/**
 * {{name}}: a client selector that asks the clients that were asked least often, and unreliable ones last.
 *
 * What each function does and what must hold is written in wit/client-selector.wit. Each call has an instance of its own:
 * nothing is kept from one to the next.
 */
import { readConfig, schema } from './config.js';

const CONFIG_SCHEMA = schema({
  patience: {
    type: 'integer',
    description: 'A client that was given up more often than this comes last.',
    default: 3,
    minimum: 0,
  },
});

export const clientSelector = {
  describe() {
    return {
      name: '{{name}}',
      version: '0.1.0',
      summary: 'Asks the clients that were asked least often, and unreliable ones last.',
      configSchema: JSON.stringify(CONFIG_SCHEMA),
      permissions: [],
    };
  },

  check(config) {
    readConfig(config, CONFIG_SCHEMA);
  },

  select({ config, clientsRequested }, candidates) {
    const { patience } = readConfig(config, CONFIG_SCHEMA);
    // They come in no particular order, and the same question must get the same answer: the id decides at last.
    const before = (left, right) =>
      (left.history.givenUp > patience) - (right.history.givenUp > patience) ||
      left.history.asked - right.history.asked ||
      (left.client < right.client ? -1 : 1);
    const chosen = [...candidates].sort(before).slice(0, clientsRequested);
    // Settings are for one client alone, a JSON object such as '{"epochs": 2}'; empty for none.
    return chosen.map(({ client }) => ({ client, settings: '' }));
  },
};
