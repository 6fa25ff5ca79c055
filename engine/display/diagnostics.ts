import type { Diagnostic } from "../deploy/events";
import { parseUrn } from "../state/urn";
import type { Painter } from "./colours";

/** One message; its further lines stand under the first one's text. */
export function renderDiagnostic({ severity, message }: Diagnostic, paint: Painter, indent: string): string {
  const head =
    severity === "error"
      ? `${paint("error", "error:")} `
      : severity === "warning"
        ? `${paint("warning", "warning:")} `
        : "";
  const align = severity === "error" ? "       " : "";
  const [first = "", ...rest] = message.trimEnd().split("\n");
  return [`${indent}${head}${first}`, ...rest.map((line) => (line ? `${indent}${align}${line}` : ""))].join("\n");
}

/** The `Diagnostics:` section: messages by resource, in the order in which they came. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], rootName: string, paint: Painter): string {
  const shown = diagnostics.filter(({ severity, message }) => severity !== "debug" && message.trim() !== "");
  if (shown.length === 0) return "";
  const byUrn = new Map<string, Diagnostic[]>();
  for (const diagnostic of shown) {
    const key = diagnostic.urn || "";
    byUrn.set(key, [...(byUrn.get(key) ?? []), diagnostic]);
  }
  const sections = [...byUrn].map(([urn, messages]) => {
    const { type, name } = urn ? parseUrn(urn) : { type: "pulumi:pulumi:Stack", name: rootName };
    const lines = messages.map((diagnostic) => renderDiagnostic(diagnostic, paint, "    "));
    return `${paint("headline", `  ${type} (${name}):`)}\n${lines.join("\n")}\n`;
  });
  return `${paint("headline", "Diagnostics:")}\n${sections.join("\n")}`;
}
