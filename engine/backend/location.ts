import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { ExitCode, NotImplementedError, OperatorError } from "../errors";
import { readIfThere, writeDurably } from "./files";

/** Pulumi's own folder: credentials, plugins, and which stack is selected where. */
export function pulumiHome(env: NodeJS.ProcessEnv): string {
  return env.PULUMI_HOME || path.join(env.HOME || os.homedir(), ".pulumi");
}

function backendUrl(env: NodeJS.ProcessEnv, projectUrl: string | undefined): string {
  if (env.PULUMI_BACKEND_URL) return env.PULUMI_BACKEND_URL;
  if (projectUrl) return projectUrl;
  const credentials = readIfThere(path.join(pulumiHome(env), "credentials.json"));
  const current = credentials ? (JSON.parse(credentials) as { current?: string }).current : undefined;
  if (current) return current;
  throw new OperatorError(
    "no state folder is known: set backend.url in Pulumi.yaml or PULUMI_BACKEND_URL, for example to file://.",
    ExitCode.configuration,
  );
}

/** Where a project's stacks are kept: the layout of Pulumi's `file://` backend. */
export class Location {
  /** The URL as it was written: the key of the selected stack. */
  readonly url: string;
  /** The folder that holds `.pulumi`. */
  readonly folder: string;
  readonly project: string;

  constructor(env: NodeJS.ProcessEnv, cwd: string, project: string, projectUrl: string | undefined) {
    this.url = backendUrl(env, projectUrl);
    this.project = project;
    if (!this.url.startsWith("file://")) {
      throw new NotImplementedError(`the backend '${this.url}' (only file:// is)`);
    }
    const target = this.url.slice("file://".length).split("?")[0] ?? "";
    const expanded = target.startsWith("~") ? path.join(os.homedir(), target.slice(1)) : target;
    this.folder = path.resolve(cwd, expanded);
  }

  #path(...parts: string[]): string {
    return path.join(this.folder, ".pulumi", ...parts);
  }

  get stacksFolder(): string {
    return this.#path("stacks", this.project);
  }

  checkpoint(stack: string): string {
    return path.join(this.stacksFolder, `${stack}.json`);
  }

  history(stack: string): string {
    return this.#path("history", this.project, stack);
  }

  backups(stack: string): string {
    return this.#path("backups", this.project, stack);
  }

  locks(stack: string): string {
    return this.#path("locks", "organization", this.project, stack);
  }

  /** Refuses a state folder that is not there, or whose layout is another than this project's. */
  open(): void {
    if (!fs.existsSync(this.folder)) {
      throw new OperatorError(
        `the state folder ${this.folder} (${this.url}) does not exist. Create it: mkdir -p '${this.folder}'`,
        ExitCode.configuration,
      );
    }
    const meta = readIfThere(this.#path("meta.yaml"));
    if (meta === undefined) {
      if (fs.existsSync(this.#path("stacks")))
        throw new NotImplementedError("state folders of the layout before projects");
      return;
    }
    const version = /^version:\s*(\d+)\s*$/m.exec(meta)?.[1];
    if (version !== "1") throw new NotImplementedError(`version ${version ?? "?"} of the state folder ${this.folder}`);
  }

  /** Marks a new state folder as one of the present layout. */
  initialise(): void {
    const meta = this.#path("meta.yaml");
    if (!fs.existsSync(meta)) writeDurably(meta, "version: 1\n", 0o644);
  }
}
