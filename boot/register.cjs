"use strict";
// Lets Node load this project's TypeScript as it is: no build step to forget, no type checking at run time.
// Each file is compiled by esbuild once and kept under its content's hash, so an edited file can never run stale.
// The choice and its cost are in docs/decisions.md.
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");

const root = path.dirname(__dirname);
const cacheFolder = process.env.OCTOLLM_COMPILE_CACHE || path.join(root, "node_modules", ".cache", "octollm-upgrade");
const esbuildVersion = require("esbuild/package.json").version;
const options = { loader: "ts", format: "cjs", target: "node20", sourcemap: "inline", sourcesContent: false };

function compile(source, filename) {
  const sourcefile = path.relative(root, filename);
  const key = createHash("sha256")
    .update(JSON.stringify([esbuildVersion, options, sourcefile, source]))
    .digest("hex");
  const cached = path.join(cacheFolder, `${key}.cjs`);
  try {
    return fs.readFileSync(cached, "utf8");
  } catch {
    const { code } = require("esbuild").transformSync(source, { ...options, sourcefile: filename });
    keep(cached, code);
    return code;
  }
}

function keep(cached, code) {
  try {
    fs.mkdirSync(cacheFolder, { recursive: true });
    const temporary = `${cached}.${process.pid}`;
    fs.writeFileSync(temporary, code);
    fs.renameSync(temporary, cached);
  } catch {
    // A read-only installation still works; it compiles at every start.
  }
}

if (!Module._extensions[".ts"]) {
  process.setSourceMapsEnabled(true);
  Module._extensions[".ts"] = (module, filename) => {
    module._compile(compile(fs.readFileSync(filename, "utf8"), filename), filename);
  };
}
