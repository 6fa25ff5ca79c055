import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";

import { type Image, withArchive } from "../../docker/support/archive";
import { testImages } from "../../docker/support/images";
import { baseLayer } from "../../docker/support/layers";
import { containerdSocket } from "./components";
import { sandboxImage } from "./names";

/** What holds a pod's namespaces; containerd ends it by SIGKILL. */
function sandbox(): Image {
  return { name: sandboxImage, layers: [baseLayer()], config: { Entrypoint: ["/bin/busybox", "sleep", "2147483647"] } };
}

/** Loads the images of the ring of Docker, and what each pod begins with, into the node's containerd. */
export async function importImages(socket: string): Promise<void> {
  await withArchive([...testImages(), sandbox()], async (archive) => {
    const ctr = spawn("ctr", ["--address", socket, "--namespace", "k8s.io", "images", "import", "-"], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    let said = "";
    ctr.stderr.on("data", (piece: Buffer) => (said += piece.toString()));
    const ended = once(ctr, "close") as Promise<[number]>;
    // When ctr ends early, its own words say why.
    await pipeline(archive, ctr.stdin).catch(() => undefined);
    const [code] = await ended;
    if (code !== 0) throw new Error(`the test images could not be imported: ${said}`);
  });
}

/** Gives an image of the node a second name, as another build that is pushed by it. */
export function tagImage(name: string, another: string): void {
  const words = ["--address", containerdSocket, "--namespace", "k8s.io", "images", "tag", "--force"];
  execFileSync("ctr", [...words, `docker.io/${name}`, `docker.io/${another}`], { stdio: "ignore" });
}
