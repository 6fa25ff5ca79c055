import { type Migrated, migrateSources } from "../../codemod/migrate";
import { type ClientRules, clientRules } from "../../codemod/rules";
import { loadCatalogue } from "../../releases/catalogue";

/** The rules from 0.2.0 to 1.0.0, as they come with the program. */
export async function ownRules(baseUrls: readonly string[] = []): Promise<ClientRules[]> {
  return clientRules(await loadCatalogue(), { from: "0.2.0", to: "1.0.0" }, baseUrls);
}

/** Files by path, through the codemod. */
export function migrated(files: Readonly<Record<string, string>>, rules: readonly ClientRules[]): Migrated {
  return migrateSources(new Map(Object.entries(files)), rules);
}

/** Places as `line: reason`, of one file. */
export function placesOf({ places }: Migrated, path: string): string[] {
  return places.filter((place) => place.path === path).map(({ line, reason }) => `${line}: ${reason}`);
}
