/** What the host is told when a call cannot be carried out; every other exception is a fault of the plugin, and ends it. */
export class PluginError extends Error {
  /** `kind` is `invalid-config`, `rejected` or `failed`; wit/types.wit says what follows from each. */
  constructor(kind, why) {
    super(why);
    this.payload = { tag: kind, val: why };
  }
}
