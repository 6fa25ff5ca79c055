import Docker from "dockerode";

/** The Docker engine cannot be asked, or refused. The text says which engine it was, and what to do. */
export class EngineError extends Error {
  /** HTTP status of the engine's answer; null when it gave none. */
  readonly status: number | null;

  constructor(message: string, status: number | null, options?: ErrorOptions) {
    super(message, options);
    this.name = "EngineError";
    this.status = status;
  }
}

/** Where an engine is that nobody has named. */
const systemSocket = "unix:///var/run/docker.sock";

/** The address that is meant: the setting, else DOCKER_HOST, else the system's own socket. */
export function engineAddress(setting: string): string {
  return setting || process.env.DOCKER_HOST || systemSocket;
}

/**
 * A client of an engine; nothing is asked yet.
 *
 * @param setting - `unix:///path` or `tcp://host:port`; empty for DOCKER_HOST, or the system's own socket
 * @throws EngineError for an address that is neither
 */
export function engineAt(setting: string): Docker {
  const address = engineAddress(setting);
  if (address.startsWith("unix://")) return new Docker({ socketPath: address.slice("unix://".length) });
  if (!/^(tcp|https?):\/\//.test(address) || !URL.canParse(address))
    throw new EngineError(
      `'${address}' is no address of a Docker engine: unix:///var/run/docker.sock or tcp://host:2375 is. Correct ` +
        `octollm:docker.host or DOCKER_HOST.`,
      null,
    );
  // dockerode itself reads DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
  if (address === process.env.DOCKER_HOST) return new Docker();
  const { hostname: host, port, protocol } = new URL(address);
  return new Docker({ host, port: Number(port || 2375), protocol: protocol === "https:" ? "https" : "http" });
}

/**
 * Makes one request.
 *
 * @returns null when the engine has no such thing (404)
 * @throws EngineError that names the engine
 */
export async function ask<T>(setting: string, request: (engine: Docker) => Promise<T>): Promise<T | null> {
  try {
    return await request(engineAt(setting));
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw asEngineError(error, setting);
  }
}

/**
 * Makes a change.
 *
 * @param done - statuses that say that things are so already
 * @throws EngineError that names the engine
 */
export async function tell(
  setting: string,
  request: (engine: Docker) => Promise<unknown>,
  done: readonly number[] = [],
): Promise<void> {
  try {
    await request(engineAt(setting));
  } catch (error) {
    const status = statusOf(error);
    if (status !== null && done.includes(status)) return;
    throw asEngineError(error, setting);
  }
}

function statusOf(error: unknown): number | null {
  const { statusCode } = (error ?? {}) as { statusCode?: number };
  return statusCode ?? (error instanceof EngineError ? error.status : null);
}

function asEngineError(error: unknown, setting: string): EngineError {
  if (error instanceof EngineError) return error;
  const address = engineAddress(setting);
  const { code, json } = error as NodeJS.ErrnoException & { json?: { message?: string } };
  const status = statusOf(error);
  if (status !== null) return new EngineError(json?.message ?? String(error), status, { cause: error });
  const known: Record<string, string> = {
    ENOENT: "there is no such socket",
    ECONNREFUSED: "nothing listens there",
    EACCES: "this user may not use it",
    ENOTFOUND: "its host is not known",
  };
  const reason = known[code ?? ""] ?? (error instanceof Error ? error.message : String(error));
  return new EngineError(
    `The Docker engine at '${address}' cannot be reached: ${reason}. Start it (systemctl start docker), or correct ` +
      `octollm:docker.host or DOCKER_HOST.`,
    null,
    { cause: error },
  );
}
