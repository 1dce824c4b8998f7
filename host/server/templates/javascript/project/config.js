import { PluginError } from './errors.js';

/** A schema of these numbers, each with its type, description, default and bounds. */
export function schema(properties) {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties,
    additionalProperties: false,
  };
}

/** The values of a configuration as a schema describes them, those that it does not name at their defaults. */
export function readConfig(text, { properties }) {
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
    if (!Object.hasOwn(properties, key)) {
      throw new PluginError('invalid-config', `\`${key}\` is no parameter of this plugin`);
    }
  }
  const values = Object.entries(properties).map(([key, number]) => {
    const value = Object.hasOwn(given, key) ? given[key] : number.default;
    if (!isAllowed(value, number)) {
      throw new PluginError('invalid-config', `\`${key}\` is ${JSON.stringify(value)}, but must be ${allowed(number)}`);
    }
    return [key, value];
  });
  return Object.fromEntries(values);
}

function isAllowed(value, { type, exclusiveMinimum, minimum = -Infinity, maximum = Infinity }) {
  if (!(type === 'integer' ? Number.isInteger(value) : Number.isFinite(value))) return false;
  return value >= minimum && value <= maximum && (exclusiveMinimum === undefined || value > exclusiveMinimum);
}

function allowed(number) {
  const words = [number.type === 'integer' ? 'a whole number' : 'a finite number'];
  for (const [bound, word] of [['exclusiveMinimum', 'above'], ['minimum', 'from'], ['maximum', 'to']]) {
    if (bound in number) words.push(word, number[bound]);
  }
  return words.join(' ');
}
