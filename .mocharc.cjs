"use strict";
module.exports = {
  require: ["./boot/register.cjs"],
  extension: ["ts"],
  timeout: 60_000,
  forbidOnly: Boolean(process.env.CI),
};
