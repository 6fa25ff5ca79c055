import type { NetworkInspectInfo, VolumeInspectInfo } from "dockerode";

import type { PropertyMap, PropertyValue } from "../../property/value";
import type { Engine } from "./engine";
import { imageOf, localImage, repoDigestOf } from "./images";
import type { Operations } from "./operations";
import { textOf } from "./values";

type Labels = { label: string; value: string }[];
const toLabels = (labels: PropertyValue | undefined): Record<string, string> =>
  Object.fromEntries(((labels ?? []) as Labels).map(({ label, value }) => [label, value]));
const fromLabels = (labels: Record<string, string> | null | undefined): PropertyValue =>
  Object.entries(labels ?? {}).map(([label, value]) => ({ label, value }));

const given = <Value>(value: Value | null | undefined): value is Value =>
  value !== null && value !== undefined && value !== "" && value !== false;
const defined = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => given(value)));

function networkOutputs(found: NetworkInspectInfo): PropertyMap {
  const { Config } = (found.IPAM ?? {}) as { Config?: Record<string, PropertyValue>[] | null };
  return {
    name: found.Name,
    labels: fromLabels(found.Labels),
    driver: found.Driver,
    internal: found.Internal,
    attachable: found.Attachable,
    ingress: found.Ingress,
    ipv6: found.EnableIPv6,
    ipamDriver: found.IPAM?.Driver ?? "default",
    ipamOptions: (found.IPAM as { Options?: PropertyMap | null } | undefined)?.Options ?? null,
    scope: found.Scope,
    options: (found.Options as PropertyMap | null) ?? {},
    ipamConfigs: (Config ?? []).map((config) => ({
      auxAddress: config.AuxiliaryAddresses ?? {},
      gateway: config.Gateway ?? "",
      ipRange: config.IPRange ?? "",
      subnet: config.Subnet ?? "",
    })),
  };
}

const removalLimit = 30_000;

/** docker.Network. Its id is the engine's. */
export const networkOperations: Operations = {
  async create(engine, inputs) {
    const configs = ((inputs.ipamConfigs ?? []) as PropertyMap[]).map((config) =>
      defined({
        Subnet: config.subnet,
        IPRange: config.ipRange,
        Gateway: config.gateway,
        AuxiliaryAddresses: config.auxAddress,
      }),
    );
    const options = {
      Name: textOf(inputs.name),
      Labels: toLabels(inputs.labels),
      ...defined({
        Driver: inputs.driver,
        Options: inputs.options,
        Internal: inputs.internal,
        Attachable: inputs.attachable,
        Ingress: inputs.ingress,
        EnableIPv6: inputs.ipv6,
      }),
      IPAM: {
        Driver: textOf(inputs.ipamDriver),
        Config: configs,
        Options: (inputs.ipamOptions ?? {}) as Record<string, string>,
      },
      CheckDuplicate: true,
    };
    const made = await engine.change(
      `Unable to create network '${textOf(inputs.name)}'`,
      (docker) => docker.createNetwork(options),
      `Look at it with 'docker network inspect ${textOf(inputs.name)}'.`,
    );
    return { id: made.id, outputs: (await this.read(engine, made.id, {})) ?? {} };
  },
  async read(engine, id) {
    const found = await engine.find<NetworkInspectInfo>((docker) => docker.getNetwork(id).inspect());
    return found && networkOutputs(found);
  },
  async delete(engine, id, { name }) {
    const what = `Unable to remove network '${textOf(name)}'`;
    const next = `Containers of others may use it: docker network inspect ${textOf(name)}.`;
    const end = Date.now() + removalLimit;
    for (;;) {
      try {
        return await engine.settle(what, (docker) => docker.getNetwork(id).remove(), next);
      } catch (error) {
        if (!String(error).includes("has active endpoints") || Date.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  },
};

/** docker.Volume. Its id is its name; making one that is there already finds it. */
export const volumeOperations: Operations = {
  async create(engine, inputs) {
    const name = textOf(inputs.name);
    const options = {
      Name: name,
      Labels: toLabels(inputs.labels),
      ...defined({ Driver: inputs.driver, DriverOpts: inputs.driverOpts }),
    };
    const next = `Look at it with 'docker volume inspect ${name}'.`;
    await engine.change(`Unable to create volume '${name}'`, (docker) => docker.createVolume(options), next);
    return { id: name, outputs: (await this.read(engine, name, {})) ?? {} };
  },
  async read(engine, id) {
    const found = await engine.find<VolumeInspectInfo>((docker) => docker.getVolume(id).inspect());
    return (
      found && {
        name: found.Name,
        labels: fromLabels(found.Labels),
        driver: found.Driver,
        driverOpts: found.Options ?? null,
        mountpoint: found.Mountpoint,
      }
    );
  },
  async delete(engine, id) {
    const next = `A container may use it: docker ps --all --filter volume=${id}.`;
    await engine.settle(
      `Unable to remove volume '${id}'`,
      (docker) => docker.getVolume(id).remove({ force: true }),
      next,
    );
  },
};

async function imageOutputs(engine: Engine, name: string): Promise<PropertyMap | null> {
  const found = await localImage(engine, name);
  return found && { imageId: found.Id, repoDigest: repoDigestOf(name, found) };
}

/** docker.RemoteImage. Its id is the image's with the name behind it. */
export const remoteImageOperations: Operations = {
  async create(engine, { name, platform }) {
    const { Id } = await imageOf(engine, textOf(name), platform ? textOf(platform) : undefined);
    return { id: `${Id}${textOf(name)}`, outputs: (await imageOutputs(engine, textOf(name))) ?? {} };
  },
  async read(engine, _id, { name }) {
    // It cannot be imported: an id alone does not say the name.
    return name ? imageOutputs(engine, textOf(name)) : null;
  },
  idOf: ({ imageId, name }) => `${textOf(imageId)}${textOf(name)}`,
  async update(engine, _id, { name, platform }) {
    await imageOf(engine, textOf(name), platform ? textOf(platform) : undefined);
    return (await imageOutputs(engine, textOf(name))) ?? {};
  },
  async delete(engine, _id, { name, keepLocally, forceRemove }) {
    if (keepLocally === true) return;
    const what = `Unable to remove image '${textOf(name)}'`;
    const next = "With keepLocally it stays where it is.";
    await engine.settle(what, (docker) => docker.getImage(textOf(name)).remove({ force: forceRemove === true }), next);
  },
};
