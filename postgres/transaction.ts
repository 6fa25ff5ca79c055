import type { Client } from "./connection";

/**
 * Runs `body` in a transaction: COMMIT when it returns, ROLLBACK when it throws.
 *
 * @param mode - what follows BEGIN, such as `ISOLATION LEVEL REPEATABLE READ READ ONLY`
 */
export async function inTransaction<T>(client: Client, mode: string, body: () => Promise<T>): Promise<T> {
  await client.query(`BEGIN ${mode}`);
  let result: T;
  try {
    result = await body();
  } catch (error) {
    await rollback(client);
    throw error;
  }
  await client.query("COMMIT");
  return result;
}

/** Rolls back; on a connection that is gone the server does it. */
export async function rollback(client: Client): Promise<void> {
  try {
    await client.query("ROLLBACK");
  } catch {
    // The session is gone, and with it the transaction.
  }
}
