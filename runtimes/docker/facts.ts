import type { ContainerInspectInfo, ImageInspectInfo } from "dockerode";

import type { ContainerSpec } from "../runtime";
import { type ContainerDefinition, definitionOf, wordlessSettings } from "./definition";
import { ask } from "./engine";
import { attemptOf, inspectBoth, releaseOf } from "./look";
import { readPolicies } from "./record";
import { variablesOf } from "./variables";

/** An image that the engine has. */
export interface ImageFacts {
  readonly id: string;
}

/** What a container of a service is like, and what its successor would be made of. */
export interface ContainerFacts {
  /** Number of the attempt that made it; null for one that the stack has not declared. */
  readonly attempt: number | null;
  /** The release that it was made for; null when nothing tells. */
  readonly release: string | null;
  /** Name of its service in a compose file; null for one that compose has not made. */
  readonly composeService: string | null;
  readonly imageId: string;
  readonly definition: ContainerDefinition;
  /** Secret. Its variables besides those that its image sets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Those that its image sets. */
  readonly imageEnvironment: Readonly<Record<string, string>>;
  /** Settings of the container that a successor could not be given. */
  readonly wordless: readonly string[];
  /** A container that no attempt has made, of the name under which this one would be kept; null when there is none. */
  readonly besides: string | null;
}

/** The image of a reference, by whatever name; null when the engine does not have it. @throws EngineError */
export async function imageFacts(engine: string, reference: string): Promise<ImageFacts | null> {
  const image = await inspectImage(engine, reference);
  return image && { id: image.Id };
}

/** Ports that an image says it serves, lowest first; empty when the engine does not have it. @throws EngineError */
export async function imagePorts(engine: string, reference: string): Promise<number[]> {
  const image = await inspectImage(engine, reference);
  const ports = Object.keys(image?.Config.ExposedPorts ?? {}).map((port) => Number.parseInt(port, 10));
  return ports.toSorted((a, b) => a - b);
}

/**
 * What the service's container is like; when there is none, what the one of the release before is like that waits.
 *
 * @returns null when there is neither
 * @throws EngineError
 */
export async function containerFacts(spec: ContainerSpec): Promise<ContainerFacts | null> {
  const { present, retired } = await inspectBoth(spec);
  const container = present ?? retired;
  if (container === null) return null;
  const image = await inspectImage(spec.engine, container.Image);
  const restart = readPolicies(spec)[container.Id];
  const definition = definitionOf(container, image, { restart, graceSeconds: spec.stopTimeoutSeconds });
  return {
    attempt: attemptOf(container),
    release: releaseOf(container),
    composeService: container.Config.Labels["com.docker.compose.service"] ?? null,
    imageId: container.Image,
    definition: { ...definition, name: spec.container },
    environment: ownVariables(container, image),
    imageEnvironment: variablesOf(image?.Config.Env),
    wordless: wordlessSettings(container),
    besides: present && retired && attemptOf(retired) === null ? retired.Name.slice(1) : null,
  };
}

async function inspectImage(engine: string, reference: string): Promise<ImageInspectInfo | null> {
  return ask(engine, (docker) => docker.getImage(reference).inspect());
}

function ownVariables({ Config }: ContainerInspectInfo, image: ImageInspectInfo | null): Record<string, string> {
  const images = variablesOf(image?.Config.Env);
  return Object.fromEntries(Object.entries(variablesOf(Config.Env)).filter(([key, value]) => images[key] !== value));
}
