const marker = "Written by OctoLLM Upgrade: octollm migrate export-alembic";

/** The first line of every file that is written here. @param comment - what begins a comment in it */
export function markerLine(comment: "#" | "##" | "--"): string {
  return `${comment} ${marker}`;
}

/** Whether this program has written a file, by its first line; an empty one is what a killed run leaves. */
export function isMarked(text: string): boolean {
  if (text === "") return true;
  return (text.split("\n", 1)[0] ?? "").replace(/^(#|--)+ /, "").startsWith(marker);
}
