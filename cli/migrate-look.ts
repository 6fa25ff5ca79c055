import { resolve } from "node:path";

import { currentLine, historyLine, verboseLines } from "../alembic/words";
import { type DatabaseWish, findDatabase, type FoundDatabase } from "../migrate/database";
import { lookAtSchema, type SchemaLook } from "../migrate/look";
import { readStories, type RevisionStory } from "../migrate/story";
import { describeAddress } from "../postgres/connection";
import { loadCatalogue, ownCatalogue } from "../releases/catalogue";
import type { Catalogue, Migration } from "../releases/release";
import { print } from "./output";

interface LookOptions extends DatabaseWish {
  readonly catalogue?: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
  readonly indicateCurrent?: boolean;
}

/** `octollm migrate current`. */
export async function showCurrent(options: LookOptions): Promise<void> {
  const catalogue = await loadCatalogue(options.catalogue);
  const { address } = await findDatabase(options);
  const { look, here } = await lookAtSchema(address, catalogue);
  const migration = catalogue.chain[here];
  if (options.json) {
    const { database, serverVersion } = look.database;
    const head = catalogue.chain.at(-1)?.revision ?? null;
    const revision = migration?.revision ?? null;
    return print(JSON.stringify({ database, serverVersion, revision, head, isHead: revision === head }, null, 2));
  }
  if (options.verbose) print(`Current revision(s) for ${describeAddress(address)}:`);
  if (!migration) return;
  if (!options.verbose) return print(currentLine({ catalogue, migration }));
  const stories = await readStories(address, catalogue, { look, here });
  tell(options, { catalogue, migration, story: stories[here], current: false });
}

/** `octollm migrate history`: the catalogue alone, unless the database is asked for by an option. */
export async function showHistory(options: LookOptions): Promise<void> {
  const catalogue = await loadCatalogue(options.catalogue);
  const asked = Boolean(options.verbose || options.json || options.indicateCurrent);
  const seen = asked ? await lookIfNamed(options, catalogue) : null;
  const stories = seen ? await readStories(seen.database.address, catalogue, seen.schema) : [];
  const lines = catalogue.chain.map((migration, place) => {
    const current = Boolean(options.indicateCurrent) && seen?.schema.here === place;
    return { catalogue, migration, story: stories[place], current };
  });
  if (options.json) return print(JSON.stringify(lines.toReversed().map(asJson), null, 2));
  for (const line of lines.toReversed())
    if (options.verbose) tell(options, line);
    else print(historyLine(line));
}

/** Without a database that is named, a history is that of the catalogue; `--indicate-current` needs one. */
async function lookIfNamed(
  options: LookOptions,
  catalogue: Catalogue,
): Promise<{ readonly database: FoundDatabase; readonly schema: SchemaLook } | null> {
  const isNamed = options.env !== undefined || Boolean(process.env.DATABASE_URL);
  if (!isNamed && !options.indicateCurrent) return null;
  const database = await findDatabase(options);
  return { database, schema: await lookAtSchema(database.address, catalogue) };
}

interface Line {
  readonly catalogue: Catalogue;
  readonly migration: Migration;
  readonly story: RevisionStory | undefined;
  readonly current: boolean;
}

function tell({ catalogue: folder = ownCatalogue }: LookOptions, { story, ...worded }: Line): void {
  const { file, release, downClass, downLoss } = worded.migration;
  for (const line of verboseLines(worded, resolve(folder, file))) print(line);
  print(`    Release: OctoLLM ${release}`);
  print(`    Way down: ${downClass}${downLoss === null ? "" : `, ${downLoss}`}`);
  if (story) print(`    Here: ${story.text}`);
  print("");
}

function asJson({ migration, story, current }: Line): object {
  const { revision, downRevision, title, release, file, downClass } = migration;
  const here = story ? { state: story.state, elsewhere: story.elsewhere, text: story.text } : null;
  return { revision, downRevision, title, release, file, downClass, current, here };
}
