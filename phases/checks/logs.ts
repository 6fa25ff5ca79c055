import type { LogPatterns } from "../../releases/release";
import { runtime } from "../../runtimes/driver";
import { errorPatterns, type LogScanOptions } from "../../runtimes/log-scan";
import type { LogMark, ServiceSpec } from "../../runtimes/runtime";
import { withoutSecrets } from "../../runtimes/secrets";
import { type Check, skipped } from "./check";

type Patterns = Pick<LogScanOptions, "patterns" | "allow">;

/** From where on each log is read, by the service's name; one that is not named is read whole. */
export type LogStarts = Readonly<Record<string, LogMark | Date>>;

const longestDetail = 200;

/**
 * No line of the services' logs means trouble: by the usual words, and by the patterns of the release and the settings.
 */
export async function checkLogs(
  specs: readonly ServiceSpec[],
  starts: LogStarts,
  { errors, allow }: LogPatterns,
): Promise<Check[]> {
  const compiled = (sources: readonly string[]) => sources.map((source) => new RegExp(source));
  const question = { patterns: [...errorPatterns, ...compiled(errors)], allow: compiled(allow) };
  return Promise.all(specs.map((spec) => checkLog(spec, starts[spec.name] ?? 0, question)));
}

async function checkLog(spec: ServiceSpec, since: LogMark | Date, question: Required<Patterns>): Promise<Check> {
  const check = `${spec.name} logs no error`;
  const { lines, count, timeless } = await runtime.scanLog(spec, since, question);
  if (timeless) return skipped("logs", check, "its lines do not tell when they were written");
  const [first] = lines;
  if (first === undefined) return { subject: "logs", check, passed: true, detail: `none ${described(since)}` };
  const shown = withoutSecrets(first, spec.environment).slice(0, longestDetail);
  return {
    subject: "logs",
    check,
    passed: false,
    detail: `${count} ${count === 1 ? "line" : "lines"} ${described(since)}, first: ${shown}`,
  };
}

function described(since: LogMark | Date): string {
  return since instanceof Date ? `since ${since.toISOString().slice(0, 16).replace("T", " ")} UTC` : "since it started";
}
