import { cloneProduction, type CloneWish } from "../../rehearsal/staging/clone";

/** Clones in a process of its own and says what it does, for tests that kill it. Its standard input is the wish as JSON. */
let text = "";
process.stdin.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
process.stdin.on("end", () => {
  const activity = {
    signal: new AbortController().signal,
    progress: (line: string) => process.stdout.write(`${line}\n`),
  };
  cloneProduction(JSON.parse(text) as CloneWish, activity).then(
    () => process.stdout.write("done\n"),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exitCode = 1;
    },
  );
});
