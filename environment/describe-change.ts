import type { EnvironmentChange } from "../releases/release";

/** What a release does to `.env`, in a line for an operator. */
export function describeChange(change: EnvironmentChange): string {
  switch (change.kind) {
    case "add":
      return `adds ${change.key}, ${change.from === undefined ? "" : `from ${change.from}, else `}${change.default}`;
    case "rename":
      return `renames ${change.key} to ${change.to}`;
    case "deprecate":
      return `comments out ${change.key}`;
    case "remove":
      return `removes ${change.key}`;
    case "require":
      return `needs ${change.key}: ${change.text}`;
    case "url-path":
      return `${change.key}: a path that ends in ${change.suffix} ends in ${change.replacement}`;
  }
}
