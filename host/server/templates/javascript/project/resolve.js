const HOST = /^fedwit:plugin\/([a-z-]+)@0\.1\.0$/;

export function resolve(specifier, context, next) {
  const [, name] = HOST.exec(specifier) ?? [];
  return next(name ? new URL(`./doubles/${name}.js`, import.meta.url).href : specifier, context);
}
