import type { LogScan, LogScanOptions } from "./log-scan";

/** One service of an installation, as its driver sees it. Values of `environment` are secret: they are never logged. */
export type ServiceSpec = ProcessSpec | ContainerSpec | DeploymentSpec;

/** What every driver needs of a service. */
export interface CommonSpec {
  readonly name: string;
  /** What the service is given by the installation's settings. */
  readonly environment: Readonly<Record<string, string>>;
  /** TCP port that it serves, of 127.0.0.1 or of its pods; 0 when it serves none. */
  readonly port: number;
  /** Path that answers 2xx when the service is well. */
  readonly health: string;
  /** Version that is to serve. */
  readonly release: string;
  /** Folder for our records of what we started or stopped. */
  readonly stateFolder: string;
  readonly startTimeoutSeconds: number;
  readonly stopTimeoutSeconds: number;
}

/** A service that is a process of this host. It gets PATH, HOME, locale and time zone of the caller besides `environment`. */
export interface ProcessSpec extends CommonSpec {
  /** Shell text, such as `node server.js --port 8000`. */
  readonly command: string;
  /** Working folder. */
  readonly directory: string;
  /** File that standard output and error are appended to. */
  readonly log: string;
}

/** A service that is a container of a Docker engine. */
export interface ContainerSpec extends CommonSpec {
  /** Name of the container. */
  readonly container: string;
  /** Reference of the image of `release`. */
  readonly image: string;
  /** `unix:///var/run/docker.sock` or the like; empty for DOCKER_HOST, or the system's own. */
  readonly engine: string;
}

/** A service that is a Deployment of a Kubernetes cluster. */
export interface DeploymentSpec extends CommonSpec {
  /** Name of the Deployment. */
  readonly deployment: string;
  /** The container of its pods that is the service; empty for the first. */
  readonly podContainer: string;
  /** Reference of the image of `release`. */
  readonly image: string;
  readonly cluster: ClusterPlace;
}

/** Where in which cluster an installation is. */
export interface ClusterPlace {
  /** Path of a kubeconfig; empty for KUBECONFIG, or the user's own. */
  readonly kubeconfig: string;
  /** One of its contexts; empty for its current one. */
  readonly context: string;
  readonly namespace: string;
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

/** A point in a service's log: what comes later is new. Which number it is, is the driver's own affair. */
export type LogMark = number;

/** How a service reaches programs of this machine. */
export interface Reach {
  /** To listen on, and to put into URLs. */
  readonly address: string;
  /** Whether nothing can be between. */
  readonly certain: boolean;
}

/** Looks at, starts and stops services; every call may be made again at any time. */
export interface Runtime<Spec extends CommonSpec = ServiceSpec> {
  /** Looks, and touches nothing. */
  inspect(spec: Spec): Promise<ServiceState>;
  /** Makes sure that the service serves `spec.release` as specified, and is healthy. */
  start(spec: Spec, activity?: Activity): Promise<ServiceState>;
  /** Makes sure that the service does not run and its port is free. */
  stop(spec: Spec, activity?: Activity): Promise<ServiceState>;
  /** Where the service answers requests from here, a URL without a path; null when it cannot be reached. */
  urlOf(spec: Spec): Promise<string | null>;
  /** How the service reaches a program of this machine; null when it reaches none. */
  hostSeenBy(spec: Spec): Promise<Reach | null>;
  /** Where the service's log ends now. */
  markLog(spec: Spec): Promise<LogMark>;
  /**
   * Troublesome lines of the service's log.
   *
   * @param since - a mark, or a time; 0 for the whole log
   */
  scanLog(
    spec: Spec,
    since: LogMark | Date,
    options: Pick<LogScanOptions, "patterns" | "allow" | "limit">,
  ): Promise<LogScan>;
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
