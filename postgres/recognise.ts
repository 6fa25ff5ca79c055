import type { Release } from "../releases/release";
import type { Client } from "./connection";

/**
 * The newest release whose schema a database without a stamp has: its own query says so, and that of every release
 * before it. Null when not even the oldest is recognised.
 *
 * @param client - a READ ONLY session that is not in a transaction
 * @param releases - oldest first
 */
export async function recognise(client: Client, releases: readonly Release[]): Promise<string | null> {
  let found: string | null = null;
  for (const { version, recognisedBy } of releases) {
    if (recognisedBy === null || !(await isTrue(client, recognisedBy))) return found;
    found = version;
  }
  return found;
}

/** A query that fails, because something it names is missing, says no. */
async function isTrue(client: Client, query: string): Promise<boolean> {
  try {
    const { rows } = await client.query<unknown[]>({ text: query, rowMode: "array" });
    return rows[0]?.[0] === true;
  } catch {
    return false;
  }
}
