export type Level = "debug" | "info" | "warning" | "error";

const order: readonly Level[] = ["debug", "info", "warning", "error"];

/** Writes one JSON line to standard output, unless LOG_LEVEL asks for less. */
export function log(level: Level, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
  const wanted = order.indexOf((process.env.LOG_LEVEL?.toLowerCase() ?? "info") as Level);
  if (order.indexOf(level) < (wanted < 0 ? 1 : wanted)) return;
  const line = { time: new Date().toISOString(), level, logger: "octollm.orchestrator", message, ...fields };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** The text of whatever was thrown. */
export function reasonOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
