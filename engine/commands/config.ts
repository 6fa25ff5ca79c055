import { expectArguments } from "../cli-options";
import { type ConfigNode, decryptNode, holdsSecret, type StackConfig, textOf } from "../config/stack-config";
import { ExitCode, OperatorError } from "../errors";
import { type CommandContext, readStandardInput, textFlag } from "./context";
import { table } from "./table";

function stackConfig(context: CommandContext): { stack: string; config: StackConfig } {
  const backend = context.backend();
  const stack = backend.requireStack(textFlag(context, "stack"));
  return { stack, config: backend.config(stack) };
}

/** Keys of the project's own namespace are shown without it. */
function shortKey(context: CommandContext, key: string): string {
  const own = `${context.backend().project.name}:`;
  return key.startsWith(own) ? key.slice(own.length) : key;
}

/** `config`: the stack's settings; secrets only with --show-secrets. */
export async function list(context: CommandContext): Promise<number> {
  expectArguments("config", context.args, 0, 0);
  const { stack, config } = stackConfig(context);
  const show = context.flags["show-secrets"] === true;
  const secrets = show ? await context.backend().secrets(config) : undefined;
  const entries = [...config.entries()].sort(([left], [right]) => (left < right ? -1 : 1));
  if (context.flags.json === true) {
    const shown = entries.map(([key, node]) => [
      key,
      jsonEntry(node, show ? decryptNode(node, secrets, key) : node, show),
    ]);
    context.print(JSON.stringify(Object.fromEntries(shown), null, 2));
    return ExitCode.success;
  }
  if (entries.length === 0) context.warn(`stack '${stack}' has no settings of its own`);
  const rows = entries.map(([key, node]) => [
    shortKey(context, key),
    holdsSecret(node) && !show ? "[secret]" : textOf(show ? decryptNode(node, secrets, key) : node),
  ]);
  context.print(table(["KEY", "VALUE"], rows));
  return ExitCode.success;
}

function jsonEntry(node: ConfigNode, shown: ConfigNode, show: boolean): Record<string, unknown> {
  const secret = holdsSecret(node);
  if (secret && !show) return { secret };
  const isObject = typeof shown === "object" && shown !== null;
  return { value: textOf(shown), ...(isObject ? { objectValue: shown } : {}), secret };
}

/** `config get <key>`: one setting, decrypted. */
export async function get(context: CommandContext): Promise<number> {
  expectArguments("config get", context.args, 1, 1);
  const { stack, config } = stackConfig(context);
  const key = config.fullKey(context.args[0] ?? "");
  const node = config.get(key, context.flags.path === true);
  if (node === undefined)
    throw new OperatorError(`configuration key '${shortKey(context, key)}' not found for stack '${stack}'`);
  const secrets = holdsSecret(node) ? await context.backend().secrets(config) : undefined;
  const value = decryptNode(node, secrets, key);
  context.print(context.flags.json === true ? JSON.stringify(jsonEntry(node, value, true), null, 2) : textOf(value));
  return ExitCode.success;
}

/** With --path, numbers and booleans become what they look like, as with the Pulumi CLI. */
function typed(text: string): ConfigNode {
  if (text === "true" || text === "false") return text === "true";
  return /^(0|-?[1-9]\d{0,14})$/.test(text) ? Number(text) : text;
}

/** `config set <key> [value]`: without a value, it is read from standard input. */
export async function set(context: CommandContext): Promise<number> {
  expectArguments("config set", context.args, 1, 2);
  const { secret, plaintext, path } = context.flags;
  if (secret === true && plaintext === true)
    throw new OperatorError("only one of --secret and --plaintext can be given", ExitCode.configuration);
  const { config } = stackConfig(context);
  const key = config.fullKey(context.args[0] ?? "");
  let value = context.args[1];
  if (value === undefined) {
    if (context.io.stdin.isTTY === true)
      throw new OperatorError(
        `\`config set ${context.args[0]}\` needs a value: as an argument or on standard input`,
        ExitCode.configuration,
      );
    value = await readStandardInput(context);
  }
  const isSecret =
    secret === true || (plaintext !== true && context.backend().project.config.get(key)?.secret === true);
  const present = config.get(key, path === true);
  if (present !== undefined && holdsSecret(present) && !isSecret && plaintext !== true) {
    throw new OperatorError(
      `'${shortKey(context, key)}' is a secret now; say --secret to keep it one, or --plaintext to store the new value readably`,
      ExitCode.configuration,
    );
  }
  if (isSecret)
    config.set(key, { secure: (await context.backend().ensureSecrets(config)).encrypt(value) }, path === true);
  else config.set(key, path === true ? typed(value) : value, path === true);
  config.save();
  return ExitCode.success;
}

/** `config rm <key>`: what is not there is no fault, as with the Pulumi CLI. */
export function remove(context: CommandContext): number {
  expectArguments("config rm", context.args, 1, 1);
  const { config } = stackConfig(context);
  if (config.remove(config.fullKey(context.args[0] ?? ""), context.flags.path === true)) config.save();
  return ExitCode.success;
}
