import type { DatabaseAddress } from "../postgres/connection";
import { withClient } from "../postgres/connection";
import { readRevisionRecords, type RevisionRecord } from "../postgres/ledger-revisions";
import type { Catalogue } from "../releases/release";
import type { SchemaLook } from "./look";

/** What became of a revision in a database. */
export interface RevisionStory {
  readonly revision: string;
  readonly state: "applied" | "not applied";
  /** Whether the ledger tells the same; where it does not, Alembic or somebody else has moved the schema. */
  readonly elsewhere: boolean;
  readonly text: string;
}

/** What alembic_version and the ledger tell of every revision of the catalogue, base first; writes nothing. */
export async function readStories(
  address: DatabaseAddress,
  catalogue: Catalogue,
  { look, here }: SchemaLook,
): Promise<RevisionStory[]> {
  const records =
    look.ledger.schemaVersion === 0
      ? []
      : await withClient(address, { name: "history", readOnly: true }, readRevisionRecords);
  return catalogue.chain.map(({ revision }, place) => {
    const record = records.find((candidate) => candidate.revision === revision);
    return { revision, ...(place <= here ? tellApplied(record) : tellMissing(record)) };
  });
}

type Told = Omit<RevisionStory, "revision">;

function tellApplied(record: RevisionRecord | undefined): Told {
  if (!record || record.undoneAt !== null)
    return { state: "applied", elsewhere: true, text: "applied by Alembic, or before this program's ledger" };
  const seconds = ((record.durationMs ?? 0) / 1000).toFixed(1);
  const text = `applied ${moment(record.appliedAt)} by attempt ${record.attempt ?? "?"}, ${seconds} s`;
  return { state: "applied", elsewhere: false, text };
}

function tellMissing(record: RevisionRecord | undefined): Told {
  const state = "not applied";
  if (!record) return { state, elsewhere: false, text: "not applied" };
  if (record.undoneAt === null) return { state, elsewhere: true, text: "undone elsewhere, by Alembic or by hand" };
  if (record.undoneAttempt === null)
    return { state, elsewhere: true, text: `undone elsewhere before ${moment(record.undoneAt)}` };
  return { state, elsewhere: false, text: `undone ${moment(record.undoneAt)} by attempt ${record.undoneAttempt}` };
}

/** PostgreSQL's timestamp without its fractions. */
function moment(at: string | null): string {
  return (at ?? "?").replace(/\.\d+/, "");
}
