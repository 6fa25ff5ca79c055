import type { Page } from "./markdown";

/** One entry of docs/failures.md. */
export interface Entry {
  readonly line: number;
  /** Words of the texts that it is about, with `…` for what is filled in. */
  readonly texts: readonly string[];
  readonly meaning: string;
}

/** Entries are list items that begin with a text in backticks, or with several: "- `one text`, `another`: what it means". */
export function entriesOf({ prose }: Page): Entry[] {
  return prose.flatMap((line, index) => {
    const [, head, meaning = ""] = /^- (`[^`]+`(?:, `[^`]+`)*)(?:: (.*))?$/.exec(line) ?? [];
    if (head === undefined) return [];
    const texts = [...head.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
    return [{ line: index + 1, texts, meaning }];
  });
}
