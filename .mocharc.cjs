"use strict";
module.exports = {
  require: ["./boot/register.cjs"],
  extension: ["ts"],
  reporter: "./tests/support/reporter.cjs",
  timeout: 60_000,
  forbidOnly: Boolean(process.env.CI),
};
