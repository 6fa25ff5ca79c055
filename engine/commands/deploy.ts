import os from "node:os";
import readline from "node:readline/promises";

import { loadState } from "../backend/checkpoint";
import { recordHistory } from "../backend/history";
import { lockStack } from "../backend/lock";
import { expectArguments, type Flags, stackFlags } from "../cli-options";
import { effectiveConfig } from "../config/effective";
import type { EngineEvent } from "../deploy/events";
import { painter } from "../display/colours";
import { renderDiagnostics } from "../display/diagnostics";
import { renderOutputChanges, renderSteps, type StackOutputs } from "../display/diff-view";
import { renderJson } from "../display/json-view";
import { ProgressView } from "../display/progress-view";
import { Recorder } from "../display/recorder";
import { hasChanges, renderDuration, renderOutputs, renderSummary } from "../display/summary";
import { TreeView } from "../display/tree-view";
import { ExitCode, NotImplementedError, OperatorError } from "../errors";
import { Interrupts, runDeployment, type RunOptions, type RunResult, type Session } from "../operation";
import { Programs } from "../program";
import { omit } from "../property/omit";
import type { PendingOperation } from "../state/resource";
import { stackType } from "../state/urn";
import { type CommandContext, textFlag } from "./context";

const common: Flags = {
  ...stackFlags,
  "config-file": { type: "string" },
  diff: { type: "boolean" },
  message: { type: "string", short: "m" },
  parallel: { type: "string", short: "p" },
  "expect-no-changes": { type: "boolean" },
  refresh: { type: "boolean", short: "r" },
  target: { type: "string", short: "t", multiple: true },
};

const replacing: Flags = {
  replace: { type: "string", multiple: true },
  "target-replace": { type: "string", multiple: true },
};

const confirmed: Flags = {
  ...common,
  yes: { type: "boolean", short: "y" },
  "skip-preview": { type: "boolean", short: "f" },
};

export const previewFlags: Flags = { ...common, ...replacing, json: { type: "boolean", short: "j" } };
export const upFlags: Flags = { ...confirmed, ...replacing };
export const destroyFlags: Flags = confirmed;
export const refreshFlags: Flags = {
  ...omit(confirmed, "refresh"),
  "preview-only": { type: "boolean" },
  "clear-pending-creates": { type: "boolean" },
};

/** What a command is about to do: as in "Do you want to perform this update?". */
type Operation = RunOptions["kind"];

const commandOf: Record<Operation, string> = { update: "up", destroy: "destroy", refresh: "refresh" };

const titles: Record<Operation, [preview: string, run: string]> = {
  update: ["Previewing update", "Updating"],
  destroy: ["Previewing destroy", "Destroying"],
  refresh: ["Previewing refresh", "Refreshing"],
};

function parallelism(context: CommandContext): number {
  const text = textFlag(context, "parallel");
  if (text === undefined) return 4 * os.availableParallelism();
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new OperatorError(`invalid value '${text}' for --parallel`, ExitCode.configuration);
  return Math.max(1, value);
}

/** Reads settings and state; everything that can be refused is refused here. */
async function openSession(
  context: CommandContext,
  stack: string,
  operation: Operation,
  programs: Programs,
): Promise<Session> {
  const backend = context.backend();
  const config = backend.config(stack);
  const secrets = await backend.secrets(config);
  const state = await loadState(backend.checkpoint(stack), secrets, backend.passphrase);
  const isKept = ({ type }: PendingOperation): boolean =>
    type !== "creating" || context.flags["clear-pending-creates"] !== true;
  return {
    backend,
    stack,
    // Settings are the program's; where it is not run, they may be incomplete.
    config: effectiveConfig(backend.project, stack, config, secrets, operation === "update"),
    secrets,
    state: { ...state, pending: state.pending.filter(isKept) },
    env: context.io.env,
    programs,
    parallel: parallelism(context),
    targets: urnsOf(context, "target", "target-replace"),
    replaceTargets: urnsOf(context, "replace", "target-replace"),
  };
}

/** The URNs that some flags name. */
function urnsOf(context: CommandContext, ...flags: string[]): Set<string> {
  const named = flags.flatMap((flag) => (context.flags[flag] as string[] | undefined) ?? []);
  const glob = named.find((urn) => urn.includes("*"));
  if (glob)
    throw new NotImplementedError(`the glob '${glob}' as a target`, "Name whole URNs: `stack --show-urns` lists them.");
  return new Set(named);
}

/** By flag, or because Pulumi.yaml says `options.refresh: always`. */
function wantsRefresh(context: CommandContext): boolean {
  return context.flags.refresh === true || context.backend().project.alwaysRefresh;
}

interface Shown extends RunResult {
  recorder: Recorder;
}

async function runShown(
  context: CommandContext,
  session: Session,
  operation: Operation,
  preview: boolean,
  interrupts: Interrupts,
): Promise<Shown> {
  const recorder = new Recorder();
  const quiet = context.flags.json === true;
  const asDiff = context.flags.diff === true;
  const paint = painter(context.terminal.colours);
  const draws = context.terminal.live && !quiet && !(asDiff && preview);
  const view = draws ? new TreeView(context.terminal, preview) : new ProgressView(context.terminal, preview);
  if (!quiet) {
    context.print(paint("headline", `${titles[operation][preview ? 0 : 1]} (${session.stack}):`));
  }
  const emit = (event: EngineEvent): void => {
    recorder.record(event);
    if (!quiet && !(asDiff && preview)) view.show(event);
  };
  const refresh = operation === "refresh" || wantsRefresh(context);
  const running = runDeployment(session, { preview, kind: operation, refresh, emit, interrupts });
  const warn = (line: string): void => context.warn(line);
  interrupts.sayThrough(view instanceof TreeView ? (line) => view.print(line) : warn);
  const result = await running.finally(() => {
    view.close();
    interrupts.sayThrough(warn);
  });
  if (!quiet) showEnd(context, session, recorder, result, preview);
  return { ...result, recorder };
}

/** What an update has put out is shown whole. */
const noOutputs: StackOutputs = { old: undefined, new: undefined };

function showEnd(
  context: CommandContext,
  session: Session,
  recorder: Recorder,
  result: RunResult,
  preview: boolean,
): void {
  const paint = painter(context.terminal.colours);
  const sections: string[] = [];
  if (context.flags.diff === true) {
    const steps = renderSteps(recorder.steps, preview ? recorder.stackOutputs : noOutputs, paint);
    if (steps) context.terminal.write(`${preview ? "" : "\n"}${steps}`);
  } else sections.push("");
  const root = `${session.backend.project.name}-${session.stack}`;
  sections.push(renderDiagnostics(recorder.diagnostics, root, paint));
  if (!preview) {
    sections.push(renderOutputs(result.resources.find(({ type }) => type === stackType)?.outputs ?? {}, paint));
  } else if (context.flags.diff !== true) {
    const changes = renderOutputChanges(recorder.stackOutputs, paint);
    if (changes !== "")
      sections.push(`${paint("headline", "Outputs:")}
${changes}`);
  }
  sections.push(renderSummary(recorder.changes, recorder.failedUrns.size, preview, paint));
  if (!preview) sections.push(renderDuration(result.seconds, paint));
  context.print(
    sections
      .filter((section, index) => section !== "" || index === 0)
      .join("\n")
      .trimEnd(),
  );
}

function outcome(context: CommandContext, result: Shown, operation: Operation, preview: boolean): number {
  const again = `What was done is in the state; run \`${commandOf[operation]}\` again to go on.`;
  if (result.cancelled) {
    const what = preview ? "preview" : operation;
    context.warn(`error: the ${what} was cancelled. ${preview ? "Nothing was changed." : again}`);
    return ExitCode.cancelled;
  }
  if (result.failed) {
    if (!preview)
      context.warn(`error: the ${operation} failed. ${again.replace("; run", "; when the cause is mended, run")}`);
    return ExitCode.error;
  }
  if (context.flags["expect-no-changes"] === true && hasChanges(result.recorder.changes)) {
    context.warn(`error: no changes were expected but changes ${preview ? "were proposed" : "occurred"}`);
    return ExitCode.noChanges;
  }
  return ExitCode.success;
}

async function withInterrupts<Result>(
  context: CommandContext,
  act: (interrupts: Interrupts) => Promise<Result>,
): Promise<Result> {
  const interrupts = new Interrupts((line) => context.warn(line));
  process.on("SIGINT", interrupts.handle);
  process.on("SIGTERM", interrupts.handle);
  try {
    return await act(interrupts);
  } finally {
    process.off("SIGINT", interrupts.handle);
    process.off("SIGTERM", interrupts.handle);
  }
}

async function withPrograms<Result>(
  context: CommandContext,
  act: (programs: Programs) => Promise<Result>,
): Promise<Result> {
  const programs = new Programs(context.backend().project, context.io.env);
  try {
    return await act(programs);
  } finally {
    programs.close();
  }
}

/** `preview`: shows what `up` would do, and changes nothing. */
export async function preview(context: CommandContext): Promise<number> {
  expectArguments("preview", context.args, 0, 0);
  const stack = context.backend().requireStack(textFlag(context, "stack"));
  return withPrograms(context, async (programs) => {
    programs.prepare();
    const session = await openSession(context, stack, "update", programs);
    return withInterrupts(context, async (interrupts) => {
      const result = await runShown(context, session, "update", true, interrupts);
      if (context.flags.json === true) {
        const config = Object.fromEntries(
          [...session.config].map(([key, { value, secret }]) => [key, secret ? "[secret]" : value]),
        );
        context.terminal.write(renderJson(result.recorder, config, result.seconds));
      }
      return outcome(context, result, "update", true);
    });
  });
}

type Answer = "yes" | "no" | "details";

async function ask(context: CommandContext, noun: string): Promise<Answer> {
  const prompt = readline.createInterface({ input: context.io.stdin, output: context.io.stdout });
  // Ctrl-C and Ctrl-D at the question mean no.
  const closed = new Promise<string>((resolve) => prompt.once("close", () => resolve("no")));
  try {
    for (;;) {
      const question = prompt.question(`\nDo you want to perform this ${noun}? [yes/no/details] `);
      const answer = (await Promise.race([question, closed])).trim().toLowerCase();
      if (answer === "yes" || answer === "no" || answer === "details") return answer;
    }
  } finally {
    prompt.close();
  }
}

async function isConfirmed(context: CommandContext, operation: Operation, previewed: Shown): Promise<boolean> {
  for (;;) {
    const answer = await ask(context, operation);
    if (answer === "yes") return true;
    if (answer === "no") return false;
    const paint = painter(context.terminal.colours);
    context.print(renderSteps(previewed.recorder.steps, previewed.recorder.stackOutputs, paint).trimEnd());
  }
}

async function previewThenRun(
  context: CommandContext,
  session: Session,
  operation: Operation,
  interrupts: Interrupts,
): Promise<number> {
  const started = Math.floor(Date.now() / 1000);
  if (context.flags["skip-preview"] !== true) {
    const previewed = await runShown(context, session, operation, true, interrupts);
    const code = outcome(context, previewed, operation, true);
    if (code !== ExitCode.success || context.flags["preview-only"] === true) return code;
    if (operation === "update") session.programs.prepare();
    if (context.flags.yes !== true && !(await isConfirmed(context, operation, previewed))) {
      context.warn(`error: confirmation declined, not proceeding with the ${operation}. Nothing was changed.`);
      return ExitCode.cancelled;
    }
    context.print("");
  }
  const result = await runShown(context, session, operation, false, interrupts);
  recordHistory(
    session.backend.location,
    session.stack,
    {
      kind: operation,
      startTime: started,
      message: textFlag(context, "message") ?? "",
      config: Object.fromEntries(session.backend.config(session.stack).entries()),
      result: result.failed ? "failed" : "succeeded",
      endTime: Math.floor(Date.now() / 1000),
      resourceChanges: result.recorder.changes,
    },
    context.io.env,
  );
  return outcome(context, result, operation, false);
}

async function deploy(context: CommandContext, operation: Operation): Promise<number> {
  expectArguments(commandOf[operation], context.args, 0, 0);
  const agreed = ["yes", "skip-preview", "preview-only"].some((flag) => context.flags[flag] === true);
  if (!agreed && !context.terminal.interactive) {
    throw new OperatorError(
      "--yes or --skip-preview must be passed in to proceed when running in non-interactive mode",
      ExitCode.configuration,
    );
  }
  const backend = context.backend();
  const stack = backend.requireStack(textFlag(context, "stack"));
  return withPrograms(context, async (programs) => {
    if (operation === "update") programs.prepare();
    await openSession(context, stack, operation, programs);
    const unlock = lockStack(backend.location, stack, (line) => context.print(line));
    try {
      // Read again: the state may have changed before the lock was ours.
      const session = await openSession(context, stack, operation, programs);
      return await withInterrupts(context, (interrupts) => previewThenRun(context, session, operation, interrupts));
    } finally {
      unlock();
    }
  });
}

/** `up`: previews, asks, and brings the resources to what the program says. */
export const up = (context: CommandContext): Promise<number> => deploy(context, "update");

/** `destroy`: deletes what the state has, by what the state says; the program is not run. */
export const destroy = (context: CommandContext): Promise<number> => deploy(context, "destroy");

/** `refresh`: brings the state to what the providers say of the resources; changes nothing but the state. */
export const refresh = (context: CommandContext): Promise<number> => deploy(context, "refresh");
