import type { ComposeFile } from "./compose-file";
import type { Values } from "./interpolate";
import { entriesOf, plainValue } from "./nodes";
import { fillIn } from "./service-environment";

/** A service as compose would start it; variables are filled in, short forms made long. */
export interface ComposeService {
  readonly name: string;
  /** Null when it is only built. */
  readonly image: string | null;
  /** Null when compose makes one up: `<project>-<service>-1`. */
  readonly containerName: string | null;
  readonly dependsOn: readonly Dependency[];
  readonly ports: readonly PublishedPort[];
  readonly networks: readonly ServiceNetwork[];
  /** `host`, `none`, `service:<name>`; null for the networks above. */
  readonly networkMode: string | null;
  readonly volumes: readonly Mount[];
  readonly labels: Readonly<Record<string, string>>;
  readonly restart: string | null;
  /** As written: `10s`, `1m30s`; null for compose's own. */
  readonly stopGracePeriod: string | null;
  readonly profiles: readonly string[];
}

export interface Dependency {
  readonly service: string;
  readonly condition: "service_started" | "service_healthy" | "service_completed_successfully";
}

/** Ports are texts, since they may be ranges: `8000-8010`. */
export interface PublishedPort {
  /** Null when the engine chooses. */
  readonly published: string | null;
  readonly target: string;
  /** Empty for every address of the host. */
  readonly hostAddress: string;
  readonly protocol: string;
}

export interface ServiceNetwork {
  /** As the file's own `networks:` has it. */
  readonly name: string;
  readonly aliases: readonly string[];
}

export interface Mount {
  readonly type: string;
  /** Path of the host, name in the file's own `volumes:`, or null for an anonymous volume. */
  readonly source: string | null;
  readonly target: string;
  readonly readOnly: boolean;
}

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const texts = (value: unknown): string[] =>
  (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]).map(String);
const textOrNull = (value: unknown) =>
  isPlain(value) || value === undefined || value === null ? null : texts(value).join(" ");

/** Keys whose lists add up when a service extends another; of the others, the nearer one counts. */
const adding = new Set(["ports", "volumes", "profiles", "networks", "depends_on", "labels"]);

/**
 * One service of a compose file.
 *
 * @param values - the variables of `.env`, expanded
 * @throws ComposeFileError when it is not there or cannot be read
 */
export function composeService(file: ComposeFile, name: string, values: Values): ComposeService {
  const fill = (text: string) => fillIn(file, text, values);
  const get = (key: string): unknown => {
    const found = file
      .lineage(name)
      .flatMap((map) => entriesOf(file.document, map).filter((entry) => entry.key === key));
    const all = found.map(({ value }) => plainValue(file.document, value, fill));
    return adding.has(key) ? added(all) : all.at(-1);
  };
  return {
    name,
    image: textOrNull(get("image")),
    containerName: textOrNull(get("container_name")),
    dependsOn: dependencies(get("depends_on")),
    ports: asList(get("ports")).flatMap(publishedPorts),
    networks: serviceNetworks(get("networks")),
    networkMode: textOrNull(get("network_mode")),
    volumes: asList(get("volumes")).flatMap(mounts),
    labels: labels(get("labels")),
    restart: textOrNull(get("restart")),
    stopGracePeriod: textOrNull(get("stop_grace_period")),
    profiles: texts(get("profiles")),
  };
}

const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function added(all: readonly unknown[]): unknown {
  if (all.length < 2) return all[0];
  if (all.every(isPlain)) return Object.assign({}, ...all);
  return all.flatMap((value) => (isPlain(value) ? Object.keys(value) : asList(value)));
}

function dependencies(value: unknown): Dependency[] {
  if (!isPlain(value)) return texts(value).map((service) => ({ service, condition: "service_started" }));
  return Object.entries(value).map(([service, how]) => {
    const condition = isPlain(how) ? how["condition"] : undefined;
    return { service, condition: (condition ?? "service_started") as Dependency["condition"] };
  });
}

/** `[[address:]published:]target[/protocol]`; an IPv6 address stands in brackets. */
function publishedPorts(port: unknown): PublishedPort[] {
  if (isPlain(port)) {
    const { target, published, host_ip: address, protocol } = port;
    const text = textOrNull(published);
    return [
      {
        published: text === "" ? null : text,
        target: textOrNull(target) ?? "",
        hostAddress: textOrNull(address) ?? "",
        protocol: textOrNull(protocol) ?? "tcp",
      },
    ];
  }
  const [, before = "", target = "", protocol = "tcp"] = /^(?:(.*):)?([^:/]+)(?:\/(\w+))?$/s.exec(String(port)) ?? [];
  if (target === "") return [];
  const [, address = "", published = ""] = /^(?:(.*):)?([^:\]]*)$/s.exec(before) ?? [];
  return [{ published: published || null, target, hostAddress: address.replace(/^\[(.*)\]$/, "$1"), protocol }];
}

function serviceNetworks(value: unknown): ServiceNetwork[] {
  if (!isPlain(value)) return texts(value).map((name) => ({ name, aliases: [] }));
  return Object.entries(value).map(([name, how]) => ({ name, aliases: isPlain(how) ? texts(how["aliases"]) : [] }));
}

/** `[source:]target[:options]`; a source that is a path begins with `.`, `/` or `~`. */
function mounts(volume: unknown): Mount[] {
  if (isPlain(volume)) {
    const { type, source, target, read_only: readOnly } = volume;
    return [
      {
        type: textOrNull(type) ?? "volume",
        source: textOrNull(source),
        target: textOrNull(target) ?? "",
        readOnly: readOnly === true,
      },
    ];
  }
  const [first = "", second, options = ""] = String(volume).split(":");
  if (second === undefined) return [{ type: "volume", source: null, target: first, readOnly: false }];
  const type = /^[./~]/.test(first) ? "bind" : "volume";
  return [{ type, source: first, target: second, readOnly: options.split(",").includes("ro") }];
}

function labels(value: unknown): Record<string, string> {
  if (isPlain(value))
    return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, textOrNull(text) ?? ""]));
  return Object.fromEntries(
    texts(value).map((label) => {
      const equals = label.indexOf("=");
      return equals < 0 ? [label, ""] : [label.slice(0, equals), label.slice(equals + 1)];
    }),
  );
}
