import readline from "node:readline/promises";

/**
 * Asks the person at the terminal.
 *
 * @param question - without the answers
 * @throws Error without a terminal
 */
export async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error("Without a terminal, --yes is needed. Nothing was touched.");
  const prompt = readline.createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<string>((resolve) => prompt.once("close", () => resolve("no")));
  try {
    const answer = await Promise.race([prompt.question(`\n${question} [yes/no] `), closed]);
    return answer.trim().toLowerCase() === "yes";
  } finally {
    prompt.close();
  }
}

/** A first Ctrl-C ends waiting and leaves things so that the command can be run again. */
export function interrupted(): AbortSignal {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort(new Error("interrupted")));
  return controller.signal;
}
