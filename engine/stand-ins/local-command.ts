import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import path from "node:path";

import { detailedDiffOf } from "../deploy/diff";
import { NotImplementedError } from "../errors";
import * as provider from "../plugins/provider";
import { diffObjects } from "../property/diff";
import {
  containsSecrets,
  containsUnknowns,
  makeSecret,
  type PropertyMap,
  type PropertyValue,
  unknownValue,
  unwrapSecrets,
} from "../property/value";

const commandType = "command:local:Command";
const frameworkVersion = "__pulumi-go-provider-version";
const stringKeys = ["create", "update", "delete", "stdin", "dir", "logging"];
const knownKeys = new Set([...stringKeys, "triggers", "environment", "interpreter", "addPreviousOutputInEnv"]);
const refusedKeys = new Set(["assetPaths", "archivePaths"]);

interface CommandInputs {
  create?: string;
  update?: string;
  delete?: string;
  stdin?: string;
  dir?: string;
  environment?: Record<string, string>;
  interpreter?: string[];
  logging?: string;
  addPreviousOutputInEnv?: boolean;
}

function typeFault(key: string, value: PropertyValue): string | undefined {
  if (refusedKeys.has(key)) return `the standalone engine's stand-in for ${commandType} does not implement '${key}'`;
  if (!knownKeys.has(key)) return `property '${key}' is not one of ${commandType}'s`;
  if (containsUnknowns(value)) return undefined;
  if (stringKeys.includes(key) && typeof value !== "string") return `expected a string, got ${JSON.stringify(value)}`;
  if ((key === "triggers" || key === "interpreter") && !Array.isArray(value)) return "expected an array";
  if (key === "addPreviousOutputInEnv" && typeof value !== "boolean") return "expected a boolean";
  if (key !== "environment") return undefined;
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMap && Object.values(value).every((item) => typeof item === "string")
    ? undefined
    : "expected a map of strings";
}

/**
 * The engine's stand-in for `command:local:Command` where the plugin of @pulumi/command is not installed: the same inputs,
 * outputs and ids, so that the plugin can take over.
 */
export class LocalCommandProvider implements provider.ResourceProvider {
  readonly supportsPreview = true;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #log: (urn: string, line: string) => void;
  readonly #running = new Set<() => void>();

  constructor(folder: string, env: NodeJS.ProcessEnv, log: (urn: string, line: string) => void) {
    this.#folder = folder;
    this.#env = env;
    this.#log = log;
  }

  checkConfig({ olds, news }: provider.CheckRequest): Promise<provider.CheckResult> {
    // The plugin's framework adds these two; an older state's value stays, or a hand-over would change the provider.
    const inputs = { __internal: {}, [frameworkVersion]: olds[frameworkVersion] ?? "v1.5.0", ...news };
    return Promise.resolve({ inputs, failures: [] });
  }

  diffConfig(): Promise<provider.DiffResult> {
    return Promise.resolve(provider.unknownDiff);
  }

  configure(): Promise<void> {
    return Promise.resolve();
  }

  check({ type, news }: provider.CheckRequest): Promise<provider.CheckResult> {
    if (type !== commandType)
      throw new NotImplementedError(
        `${type} without its plugin`,
        "Install pulumi-resource-command, or use the Pulumi CLI.",
      );
    const plain = unwrapSecrets(news) as PropertyMap;
    const failures = Object.entries(plain).flatMap(([property, value]) => {
      const reason = value === null ? undefined : typeFault(property, value);
      return reason ? [{ property, reason }] : [];
    });
    return Promise.resolve({ inputs: news, failures });
  }

  diff({ oldInputs, news }: provider.DiffRequest): Promise<provider.DiffResult> {
    const diff = diffObjects(oldInputs, news);
    if (!diff) return Promise.resolve(provider.noDiff);
    const changed = [...Object.keys(diff.adds), ...Object.keys(diff.deletes), ...Object.keys(diff.updates)];
    // Element by element, as the plugin says it: `replaceOnChanges: ["triggers[*]"]` is the SDK's way to a replacement.
    return Promise.resolve({ ...provider.someDiff, changedKeys: changed, detailedDiff: detailedDiffOf(diff) });
  }

  async create({ urn, name, inputs, preview }: provider.CreateRequest): Promise<provider.CreateResult> {
    const outputs = preview ? unknownOutputs(inputs) : await this.#run(urn, "create", inputs, {});
    return { id: preview ? "" : name + randomBytes(4).toString("hex"), outputs };
  }

  async update({ urn, news, oldOutputs, oldInputs, preview }: provider.UpdateRequest): Promise<PropertyMap> {
    if (!preview) return this.#run(urn, "update", news, oldOutputs);
    return diffObjects(oldInputs, news) ? unknownOutputs(news) : oldOutputs;
  }

  read({ id, inputs, outputs }: provider.ReadRequest): Promise<provider.ReadResult> {
    return Promise.resolve({ id, inputs, outputs });
  }

  async delete({ urn, inputs, outputs }: provider.DeleteRequest): Promise<void> {
    if (inputs.delete !== undefined) await this.#run(urn, "delete", inputs, outputs);
  }

  invoke(token: string): Promise<provider.CheckResult> {
    throw new NotImplementedError(
      `${token} without its plugin`,
      "Install pulumi-resource-command, or use the Pulumi CLI.",
    );
  }

  cancel(): Promise<void> {
    for (const stop of this.#running) stop();
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.cancel();
  }

  async #run(
    urn: string,
    operation: "create" | "update" | "delete",
    inputs: PropertyMap,
    olds: PropertyMap,
  ): Promise<PropertyMap> {
    const plain = unwrapSecrets(inputs) as CommandInputs;
    const command = operation === "update" ? (plain.update ?? plain.create) : plain[operation];
    const kept = { stdout: olds.stdout ?? "", stderr: olds.stderr ?? "" };
    if (command === undefined) return { ...inputs, ...kept };
    const previous = unwrapSecrets({ ...kept }) as Record<string, string>;
    const { stdout, stderr } = await this.#execute(urn, command, plain, previous);
    const mark = containsSecrets(inputs) ? makeSecret : (value: string): PropertyValue => value;
    return { ...inputs, stdout: mark(stdout), stderr: mark(stderr) };
  }

  #execute(
    urn: string,
    command: string,
    inputs: CommandInputs,
    previous: Record<string, string>,
  ): Promise<{ stdout: string; stderr: string }> {
    const [program = "/bin/sh", ...rest] = inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"];
    const env: NodeJS.ProcessEnv = { ...this.#env, ...inputs.environment };
    if (inputs.addPreviousOutputInEnv !== false) {
      if (previous.stdout) env.PULUMI_COMMAND_STDOUT = previous.stdout;
      if (previous.stderr) env.PULUMI_COMMAND_STDERR = previous.stderr;
    }
    return new Promise((resolve, reject) => {
      const child = spawn(program, [...rest, command], { cwd: path.resolve(this.#folder, inputs.dir ?? "."), env });
      const stop = (): void => void child.kill("SIGINT");
      this.#running.add(stop);
      const text = { stdout: "", stderr: "", combined: "" };
      const collect = (stream: "stdout" | "stderr") => (data: Buffer) => {
        text[stream] += data.toString();
        text.combined += data.toString();
        if (shows(inputs.logging, stream))
          for (const line of data.toString().split("\n").filter(Boolean)) this.#log(urn, line);
      };
      child.stdout.on("data", collect("stdout"));
      child.stderr.on("data", collect("stderr"));
      child.stdin.on("error", () => undefined);
      child.stdin.end(inputs.stdin ?? "");
      child.on("error", (error) => reject(new Error(`${error.message}: running ${JSON.stringify(command)}`)));
      child.on("close", (code, signal) => {
        this.#running.delete(stop);
        if (code === 0) resolve({ stdout: trimmed(text.stdout), stderr: trimmed(text.stderr) });
        else
          reject(
            new Error(
              `${signal ? `signal: ${signal}` : `exit status ${code}`}: running ${JSON.stringify(command)}:\n${text.combined}`,
            ),
          );
      });
    });
  }
}

const trimmed = (text: string): string => text.replace(/\n$/, "");
const unknownOutputs = (inputs: PropertyMap): PropertyMap => ({
  ...inputs,
  stdout: unknownValue,
  stderr: unknownValue,
});

function shows(logging: string | undefined, stream: "stdout" | "stderr"): boolean {
  return logging === undefined || logging === "stdoutAndStderr" || logging === stream;
}
