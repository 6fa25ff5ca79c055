import { type DatabaseAddress, withClient } from "../postgres/connection";
import { describeSession, foreignSessions } from "../postgres/sessions";

/**
 * Refuses while other clients are connected: what they write meanwhile could be lost, and what they run might not bear
 * the new schema.
 *
 * @param reasons - why nobody may be at work, a line each
 */
export async function refuseClients(address: DatabaseAddress, reasons: readonly string[]): Promise<void> {
  const sessions = await withClient(address, { name: "clients", readOnly: true }, foreignSessions);
  if (sessions.length === 0) return;
  throw new Error(
    [
      `Other clients are connected to '${address.database}', and nobody may be:`,
      ...reasons.map((reason) => `  ${reason}`),
      "Connected:",
      ...sessions.map((session) => `  ${describeSession(session)}`),
      "No revision was applied or undone. Stop the services, then run the command again.",
    ].join("\n"),
  );
}
