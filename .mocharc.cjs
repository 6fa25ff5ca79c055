"use strict";
const { availableParallelism } = require("node:os");

module.exports = {
  require: ["./boot/register.cjs"],
  extension: ["ts"],
  reporter: "./tests/support/reporter.cjs",
  timeout: 60_000,
  forbidOnly: Boolean(process.env.CI),
  // With --parallel: a worker per processor, each with a PostgreSQL of its own, takes one file after the other.
  jobs: Math.max(2, availableParallelism()),
};
