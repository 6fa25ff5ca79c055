/** Variables as the engine has them, `NAME=value`; one without a value is empty. */
export function variablesOf(lines: readonly string[] | null | undefined): Record<string, string> {
  return Object.fromEntries(
    (lines ?? []).map((line) => {
      const equals = line.indexOf("=");
      return equals < 0 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
}

/** The inverse, in the order of the lines. */
export function linesOf(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted();
}
