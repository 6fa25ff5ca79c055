"use strict";
// Starts the small OctoLLM: node demo/octollm/main.cjs --release 0.1.0
require("../../boot/register.cjs");
require("./server.ts");
