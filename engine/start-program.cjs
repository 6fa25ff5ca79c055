"use strict";
// The first script of a program's process: loads the SDK that the program will use, waits to be told how the program is to
// be run, and hands over to the SDK's runner (argv[2]).
const { createRequire, runMain } = require("node:module");

const { loadSdkLazily } = require("../boot/lazy-sdk.cjs");

const runner = process.argv[2];
process.once("disconnect", () => process.exit(1));
process.once("message", ({ argv, env }) => {
  process.removeAllListeners("disconnect");
  process.disconnect();
  Object.assign(process.env, env);
  process.argv = [process.execPath, runner, ...argv];
  runMain();
});

const requireAsProgram = createRequire(runner);
loadSdkLazily(requireAsProgram);
requireAsProgram("@pulumi/pulumi");
