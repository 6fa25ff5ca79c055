/** A command line without one of its options, and what that option said. */
export interface Taken {
  readonly rest: string[];
  /** Undefined without the option; empty when nothing follows it. */
  readonly value: string | undefined;
}

/** Takes `--name value` or `--name=value` out of a command line: an option that the engine does not know. */
export function takeOption(argv: readonly string[], name: string): Taken {
  const rest = [...argv];
  const at = rest.findIndex((argument) => argument === name || argument.startsWith(`${name}=`));
  if (at < 0) return { rest, value: undefined };
  const [option = ""] = rest.splice(at, 1);
  if (option.includes("=")) return { rest, value: option.slice(name.length + 1) };
  return { rest, value: rest.splice(at, 1)[0] ?? "" };
}
