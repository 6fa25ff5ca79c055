import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { World } from "../world";

const path = "database";

/** A replica takes nothing from anybody. */
export function judgeReplica({ database, server }: Pick<World, "database" | "server">): Refusal[] {
  if (!server.isReplica) return [];
  const text =
    `'${database}' is on a read-only replica (in recovery), which cannot be upgraded. Lead this program to the primary: ` +
    "correct DATABASE_URL, or octollm config set --path database.host <host>";
  return [{ path, text }];
}

/** What the server and our role in it do not let us do. */
export function judgeServer(plan: Pick<Plan, "revisions">, world: Pick<World, "database" | "server">): Refusal[] {
  const { database, server } = world;
  const { user } = server;
  const refusals: Refusal[] = [];
  const refuse = (text: string) => refusals.push({ path, text });
  if (server.isReplica) return judgeReplica(world);
  if (server.isReadOnly)
    refuse(
      `'${database}' takes no changes: default_transaction_read_only is on for '${user}'. Reset it: ` +
        `ALTER ROLE ${user} RESET default_transaction_read_only, or for the database or the server`,
    );
  if (server.mayWriteLedger === null && !server.mayCreateSchema)
    refuse(
      `role '${user}' may not make the schema in which this program keeps its records. As the database's owner: ` +
        `GRANT CREATE ON DATABASE ${database} TO ${user}`,
    );
  if (server.mayWriteLedger === false)
    refuse(
      `role '${user}' may not write this program's records in schema octollm_upgrade. Use the role that made them`,
    );
  if (changesSchema(plan) && !server.mayStamp)
    refuse(
      `role '${user}' may not change alembic_version. As its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON alembic_version TO ${user}`,
    );
  return refusals;
}

function changesSchema({ revisions }: Pick<Plan, "revisions">): boolean {
  return revisions.pre.length + revisions.post.length > 0;
}
