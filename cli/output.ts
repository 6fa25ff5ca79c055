/** One line for the person at the terminal. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One line beside the output proper: which engine, what was repaired. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
