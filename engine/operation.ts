import type { Backend } from "./backend/backend";
import { encodeCheckpoint, type LoadedState, writeCheckpoint } from "./backend/checkpoint";
import { type EffectiveConfig, packageConfig } from "./config/effective";
import type { Secrets } from "./config/secrets";
import { Deployment } from "./deploy/deployment";
import type { EventSink } from "./deploy/events";
import { messageOf } from "./errors";
import { programExit, serveMonitor } from "./monitor";
import { EarlyPlugins, type HostContext, startProvider } from "./plugins/host";
import type { Programs } from "./program";
import type { ResourceState } from "./state/resource";

/** Everything that a preview and the update after it start from. */
export interface Session {
  backend: Backend;
  stack: string;
  config: EffectiveConfig;
  secrets: Secrets | undefined;
  state: LoadedState;
  env: NodeJS.ProcessEnv;
  programs: Programs;
  parallel: number;
  /** URNs of the only resources that may change, and of those to be replaced; empty: no such wish. */
  targets: ReadonlySet<string>;
  replaceTargets: ReadonlySet<string>;
}

/** One run of the engine. */
export interface RunOptions {
  preview: boolean;
  /** `destroy`: nothing is asked for, so that everything goes; `refresh`: only the providers are asked. */
  kind: "update" | "destroy" | "refresh";
  /** Whether the providers are asked first how the resources really are. */
  refresh: boolean;
  emit: EventSink;
  interrupts: Interrupts;
}

/** How a run ended. */
export interface RunResult {
  failed: boolean;
  cancelled: boolean;
  seconds: number;
  resources: ResourceState[];
}

/** Ctrl-C: the first one asks for an orderly end, the second one ends at once. */
export class Interrupts {
  #count = 0;
  #onFirst: (() => void) | undefined;
  #say: (line: string) => void;
  readonly #kill: Set<() => void> = new Set();

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  get happened(): boolean {
    return this.#count > 0;
  }

  /** Where lines go from now on. */
  sayThrough(say: (line: string) => void): void {
    this.#say = say;
  }

  /** What to do at the first one; at once when it has been. */
  onFirst(act: () => void): void {
    this.#onFirst = act;
    if (this.happened) act();
  }

  /** What has to be killed at the second one. */
  onSecond(act: () => void): void {
    this.#kill.add(act);
  }

  readonly handle = (): void => {
    this.#count++;
    if (this.#count === 1) {
      this.#say("^C received; cancelling. If you would like to terminate immediately, press ^C again.");
      this.#say("Note that terminating immediately may lead to orphaned resources and other inconsistencies.");
      this.#onFirst?.();
      return;
    }
    for (const act of this.#kill) act();
    process.exit(130);
  };
}

function stateWriter(session: Session): (resources: ResourceState[], pending: LoadedState["pending"]) => Promise<void> {
  const { backend, stack, state, secrets } = session;
  return (resources, pending) => {
    const text = encodeCheckpoint(state.checkpoint, state.codec, secrets?.salt, resources, pending);
    writeCheckpoint(backend.location, stack, text);
    return Promise.resolve();
  };
}

function hostContext({ backend, config, env }: Session, { emit }: RunOptions, address: () => string): HostContext {
  return {
    project: backend.project,
    config,
    env,
    engineAddress: address,
    log: (urn, message) =>
      emit({ kind: "diagnostic", diagnostic: { urn, severity: "info", message, ephemeral: true } }),
  };
}

function makeDeployment(
  session: Session,
  options: RunOptions,
  host: HostContext,
  early: () => EarlyPlugins,
): Deployment {
  const { backend, stack, config, state, parallel, targets, replaceTargets } = session;
  const { preview, emit } = options;
  return new Deployment({
    ...{ stack, project: backend.project.name, preview, parallel, emit, targets, replaceTargets },
    resources: state.resources,
    pending: state.pending,
    loadProvider: (packageName, version) =>
      (version ? undefined : early().take(packageName)) ?? startProvider(host, packageName, version),
    defaultInputs: (packageName) => packageConfig(config, packageName).inputs,
    write: preview ? undefined : stateWriter(session),
  });
}

function warnOfPending(session: Session, emit: EventSink): void {
  const { pending } = session.state;
  if (pending.length === 0) return;
  const list = pending.map(({ resource, type }) => `  * ${resource.urn}, interrupted while ${type}`).join("\n");
  const message =
    `Attempting to deploy or update resources with ${pending.length} pending operations from previous deployment.\n${list}\n` +
    "These resources are in an unknown state because the engine was interrupted while waiting for changes to them to\n" +
    "complete. The run goes on with what the state says.";
  emit({ kind: "diagnostic", diagnostic: { urn: "", severity: "warning", message, ephemeral: false } });
}

/** Runs the program against the state: a preview, an update, or (without the program) a refresh or a destruction. */
export async function runDeployment(session: Session, options: RunOptions): Promise<RunResult> {
  const started = performance.now();
  const { preview, emit, interrupts } = options;
  let address = "";
  const host = hostContext(session, options, () => address);
  const deployment = makeDeployment(session, options, host, () => early);
  const monitor = await serveMonitor({
    root: session.backend.project.root,
    preview,
    emit,
    deployment: () => deployment,
  });
  address = monitor.address;
  const early = new EarlyPlugins(host, session.backend.project.localPlugins.keys());
  interrupts.onFirst(() => {
    deployment.stop();
    void deployment.registry.cancel();
  });
  try {
    const goesOn = (): boolean => options.kind !== "refresh" && !deployment.failed && !interrupts.happened;
    if (options.refresh) await deployment.refresh(options.kind === "refresh");
    if (goesOn()) warnOfPending(session, emit);
    if (goesOn() && options.kind === "update") await runToTheEnd(session, options, deployment, address);
    if (goesOn()) await deployment.finish();
  } catch (error) {
    deployment.fail("", messageOf(error));
  } finally {
    deployment.stop();
    await deployment.close();
    await Promise.all([deployment.registry.close(), early.close()]);
    monitor.close();
  }
  const cancelled = interrupts.happened;
  return {
    failed: deployment.failed || cancelled,
    cancelled,
    seconds: (performance.now() - started) / 1000,
    resources: deployment.resources,
  };
}

async function runToTheEnd(
  session: Session,
  options: RunOptions,
  deployment: Deployment,
  address: string,
): Promise<void> {
  const { stack, config, parallel } = session;
  const program = session.programs.take();
  const exited = program.run({
    ...{ stack, config, address, parallel, preview: options.preview },
    line: (message, isError) =>
      options.emit({
        kind: "diagnostic",
        diagnostic: { urn: "", severity: "info", message, ephemeral: false, streamId: isError ? 2 : 1 },
      }),
  });
  options.interrupts.onFirst(() => {
    deployment.stop();
    void deployment.registry.cancel();
    void deployment.idle().then(() => program.stop());
  });
  options.interrupts.onSecond(() => program.stop());
  const { code, signal } = await exited;
  if (code !== programExit.success) deployment.stop();
  await deployment.idle();
  if (code === programExit.success || deployment.failed || options.interrupts.happened) return;
  if (code === programExit.alreadyReported) deployment.failQuietly();
  else
    deployment.fail(
      "",
      signal ? `the program was ended by ${signal}` : `Program exited with non-zero exit code: ${code}`,
    );
}
