import pc from "picocolors";

/** Bold on a terminal, and nowhere else: a log of CI takes no colours. */
export function bold(text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? pc.bold(text) : text;
}

/** One line for the person at the terminal. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One line beside the output proper: which engine, what was repaired. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
