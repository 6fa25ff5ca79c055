"use strict";
// The Pulumi program's entry (package.json "main"): loads index.ts, never a stale build of it.
require("./boot/lazy-sdk.cjs").loadSdkLazily(require);
require("./boot/register.cjs");
module.exports = require("./index.ts");
