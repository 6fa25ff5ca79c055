import { runChore } from "../../cli/chores";

/** What a command printed, and its exit code. */
export interface ChoreResult {
  readonly code: number;
  /** Standard output. */
  readonly out: Buffer;
  /** Standard error. */
  readonly said: string;
}

/** Runs one of the `octollm` command's own words in this process, which is far cheaper than starting another. */
export async function chore(...argv: string[]): Promise<ChoreResult> {
  const out: Buffer[] = [];
  const said: Buffer[] = [];
  const toStdout = process.stdout.write.bind(process.stdout);
  const toStderr = process.stderr.write.bind(process.stderr);
  const into = (list: Buffer[]) => (chunk: string | Uint8Array) => list.push(Buffer.from(chunk as string)) > 0;
  const colours = process.env.NO_COLOR;
  process.env.NO_COLOR = "1";
  process.stdout.write = into(out);
  process.stderr.write = into(said);
  try {
    const code = await runChore(argv).catch((error: unknown) => {
      said.push(Buffer.from(`${error instanceof Error ? error.message : String(error)}\n`));
      return 1;
    });
    return { code, out: Buffer.concat(out), said: Buffer.concat(said).toString() };
  } finally {
    process.stdout.write = toStdout;
    process.stderr.write = toStderr;
    process.exitCode = 0;
    if (colours === undefined) delete process.env.NO_COLOR;
    else process.env.NO_COLOR = colours;
  }
}
