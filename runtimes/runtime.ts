/** One service of an installation, as processes see it. Values of `environment` are secret: they are never logged. */
export interface ServiceSpec {
  readonly name: string;
  /** Shell text, such as `node server.js --port 8000`. */
  readonly command: string;
  /** Working folder. */
  readonly directory: string;
  /** On top of PATH, HOME, locale and time zone of the caller. */
  readonly environment: Readonly<Record<string, string>>;
  /** TCP port of 127.0.0.1 that it serves. */
  readonly port: number;
  /** Path that answers 2xx when the service is well. */
  readonly health: string;
  /** File that standard output and error are appended to. */
  readonly log: string;
  /** Version that is to serve. */
  readonly release: string;
  /** Folder for our records of what we started. */
  readonly stateFolder: string;
  readonly startTimeoutSeconds: number;
  readonly stopTimeoutSeconds: number;
}

/** What is there, in one look. */
export interface ServiceState {
  /** Something listens on the service's port, or the process that we started is alive. */
  readonly running: boolean;
  /** It answers the health path with 2xx. */
  readonly healthy: boolean;
  readonly pid: number | null;
  /** What the health answer's JSON `version` says, else what our record says. */
  readonly release: string | null;
  readonly startedByUs: boolean;
  /** ISO time; known for what we started. */
  readonly startedAt?: string;
  /** Whether it was started with these settings and this environment; null for what we did not start. */
  readonly asSpecified: boolean | null;
  /** Its port is held by something that is not the service: by what. */
  readonly obstructed: string | null;
  /** One sentence without secrets. */
  readonly detail: string;
}

/** What a driver needs of its caller. */
export interface Activity {
  /** Ends waiting; what was started or signalled until then stays so, and the error says it. */
  readonly signal?: AbortSignal;
  /** Gets one line per step. */
  readonly progress?: (line: string) => void;
}

/** Looks at, starts and stops services; every call may be made again at any time. */
export interface Runtime {
  /** Looks, and touches nothing. */
  inspect(spec: ServiceSpec): Promise<ServiceState>;
  /** Makes sure that the service serves `spec.release` as specified, and is healthy. */
  start(spec: ServiceSpec, activity?: Activity): Promise<ServiceState>;
  /** Makes sure that the service does not run and its port is free. */
  stop(spec: ServiceSpec, activity?: Activity): Promise<ServiceState>;
}

/** A service could not be brought into the wanted state; the text says what runs now and what to do next. */
export class ServiceError extends Error {
  readonly service: string;

  constructor(service: string, text: string) {
    super(`Service '${service}': ${text}`);
    this.name = "ServiceError";
    this.service = service;
  }
}
