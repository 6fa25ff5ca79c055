import type { ImageInspectInfo } from "dockerode";

import { NotImplementedError } from "../../errors";
import type { PropertyMap } from "../../property/value";
import type { Engine } from "./engine";
import { textOf } from "./values";

/** The image of a name, an id or a digest, that is on the engine. */
export async function localImage(engine: Engine, name: string): Promise<ImageInspectInfo | null> {
  return engine.find((docker) => docker.getImage(name).inspect());
}

/** The same; one that is not there is pulled. */
export async function imageOf(engine: Engine, name: string, platform?: string): Promise<ImageInspectInfo> {
  const found = await localImage(engine, name);
  if (found) return found;
  const next = `Load or pull it there (docker load -i <file>, docker pull ${name}), then run 'npx octollm up' again.`;
  await engine.change(
    `Unable to find or pull image '${name}'`,
    async (docker) => {
      const stream = await docker.pull(name, platform ? { platform } : {});
      await new Promise<void>((resolve, reject) =>
        docker.modem.followProgress(stream, (error: Error | null) => (error ? reject(error) : resolve())),
      );
    },
    next,
  );
  const pulled = await localImage(engine, name);
  if (!pulled) throw new Error(`Image '${name}' was pulled, but '${engine.address}' does not have it. ${next}`);
  return pulled;
}

/** Digest under which a registry has the image; empty for one that was built or loaded. */
export function repoDigestOf(name: string, { RepoDigests }: Pick<ImageInspectInfo, "RepoDigests">): string {
  const digests = RepoDigests ?? [];
  const [repository = ""] = name.split(":");
  return digests.find((digest) => digests.length > 1 && digest.startsWith(repository)) ?? digests[0] ?? "";
}

const tokens = "docker:index/getRemoteImage:getRemoteImage";

/**
 * Functions of @pulumi/docker.
 *
 * @throws when the engine has no such image, so that a preview fails before anything is stopped
 */
export async function callFunction(engine: Engine, token: string, { name }: PropertyMap): Promise<PropertyMap> {
  if (token !== tokens)
    throw new NotImplementedError(
      `${token} without its plugin`,
      "Install pulumi-resource-docker, or use the Pulumi CLI.",
    );
  const image = await localImage(engine, textOf(name));
  if (!image)
    throw new Error(
      `did not find docker image '${textOf(name)}' on the Docker engine at '${engine.address}'. Nothing was changed. Load or ` +
        `pull it there (docker load -i <file>, docker pull ${textOf(name)}), then run the preview again.`,
    );
  return { id: image.Id, name: textOf(name), repoDigest: repoDigestOf(textOf(name), image) };
}
