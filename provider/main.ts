import { setTimeout as sleep } from "node:timers/promises";

import * as grpc from "@grpc/grpc-js";
import { type IResourceProviderServer, ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";

import { Engine } from "./engine";
import { UpgradeService } from "./service";
import { Session } from "./session";

const maximumMessageBytes = 400 * 1024 * 1024;
/** Longer than the five seconds in which a cancelled index build may remove what it left. */
const farewellMs = 8_000;

/** Serves the provider until the engine is gone: its end of our standard input closes with it, whatever ended it. */
function main(engineAddress: string): void {
  const session = new Session();
  const server = new grpc.Server({ "grpc.max_receive_message_length": maximumMessageBytes });
  const service = new UpgradeService(session, new Engine(engineAddress));
  server.addService(ResourceProviderService, service.methods() as IResourceProviderServer);
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    // The engine reads the port from the first line.
    process.stdout.write(`${port}\n`);
  });
  process.stdin.resume();
  process.stdin.once("end", () => void end(session, service));
  // An engine that is done interrupts its plugins. A Ctrl-C in a terminal looks the same: then work under way goes on
  // until the engine's Cancel has brought it to a good end.
  process.on("SIGINT", () => {
    if (!service.isBusy) void service.bringBack().finally(() => end(session, service));
  });
}

/** A server does not notice a lost client while a statement waits: what runs there is given time to be cancelled. */
async function end(session: Session, service: UpgradeService): Promise<void> {
  session.abandon("The engine is gone.");
  const deadline = Date.now() + farewellMs;
  while (service.isBusy && Date.now() < deadline) await sleep(20);
  await session.release();
  process.exit(0);
}

const [engineAddress] = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
if (engineAddress === undefined) {
  process.stderr.write("This is a Pulumi resource provider; an engine starts it: octollm preview\n");
  process.exit(1);
}
main(engineAddress);
