import type { DatabaseAddress } from "../postgres/connection";
import { type DatabaseLook, nothingFound } from "./restore-facts";

/**
 * A database whose server is made by this very stack, before Preflight looks at it: empty, and its role's own.
 *
 * @param address - where it is going to be
 */
export function unmadeDatabase({ database, user }: DatabaseAddress): DatabaseLook {
  return {
    database: {
      database,
      systemIdentifier: null,
      systemIdentifierMissing: "it is not there yet",
      serverVersion: "not there yet",
      serverVersionNumber: 0,
      inRecovery: false,
      readOnlyByDefault: false,
      dataDirectory: null,
      searchPath: ["public"],
      hasAlembicVersion: false,
      revisions: [],
      isEmpty: true,
      relations: [],
      invalidIndexes: [],
      role: {
        user,
        isSuperuser: true,
        ownsDatabase: true,
        notOwned: [],
        mayCreateSchema: true,
        createsIn: ["public"],
        mayStamp: true,
        mayWriteLedger: true,
        maySignalOthers: true,
        isOwnerOrSuperuser: true,
      },
    },
    ...nothingFound,
    damage: null,
    rights: { mayRename: true, roles: [] },
    related: [],
  };
}
