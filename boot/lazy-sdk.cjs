"use strict";
// Pulumi's SDK loads the TypeScript compiler and npm's reader of package trees to write functions out as source code. That
// costs every run half a second, and a program without dynamic providers never does it: they are loaded when asked for.
const { createRequire } = require("node:module");

/** Puts a stand-in into the module cache that becomes the module at the first look into it. */
function loadLate(from, request, known) {
  const filename = from.resolve(request);
  if (require.cache[filename]) return;
  let loaded;
  const load = () => {
    delete require.cache[filename];
    return from(filename);
  };
  const exports = new Proxy(known, { get: (target, key) => target[key] ?? (loaded ??= load())[key] });
  require.cache[filename] = { id: filename, filename, loaded: true, exports, children: [], paths: [] };
}

/**
 * Has the SDK load only what a program needs; to be called before the SDK is loaded.
 *
 * @param from - the `require` that finds the SDK
 */
exports.loadSdkLazily = (from) => {
  const sdk = createRequire(from.resolve("@pulumi/pulumi/package.json"));
  loadLate(sdk, "./typescript-shim.js", {});
  // With this mark the SDK takes the module as it is, in place of copying all that it holds.
  loadLate(sdk, "@npmcli/arborist", { __esModule: true });
};
