import type { Readable, Writable } from "node:stream";

import type { DatabaseAddress } from "../postgres/connection";
import { runChild } from "./child-process";
import { libpqEnvironment } from "./libpq-environment";

/** The database that a program connects to. */
export interface ToolSession {
  /** As this host sees it. */
  readonly address: DatabaseAddress;
  /** Its application_name. */
  readonly name: string;
  /** Settings of its sessions, as PGOPTIONS has them. */
  readonly options?: string;
}

/** One run of one of PostgreSQL's programs. */
export interface ToolRun {
  readonly program: string;
  readonly args: readonly string[];
  /** None for a program that reads files only. */
  readonly session?: ToolSession;
  readonly signal: AbortSignal;
  /** Gets each line of standard error. */
  readonly onLine?: (line: string) => void;
  readonly input?: Readable;
  readonly output?: Writable;
}

/** Where PostgreSQL's programs run: this host, or inside the container of the server. */
export interface ToolHost {
  /** Null for this host; else for people, such as `container 'octollm-postgres'`. */
  readonly place: string | null;
  /**
   * Runs a program to its end, and ends it when this process ends.
   *
   * @returns its standard output, unless `output` gets it
   * @throws ChildFailure with what it said; the error of `input` or `output`; the signal's reason when that aborted
   */
  run(run: ToolRun): Promise<string>;
  /**
   * Has files of this host where the programs can read them.
   *
   * @param folder - of this host
   * @param names - of the files in it
   * @param use - gets the folder as the programs see it
   */
  withFiles<T>(
    folder: string,
    names: readonly string[],
    signal: AbortSignal,
    use: (folder: string) => Promise<T>,
  ): Promise<T>;
  /** @throws BackupError when the server that these programs reach is not the one of this address */
  verifyServer(address: DatabaseAddress, signal: AbortSignal): Promise<void>;
}

/** This host. */
export const thisHost: ToolHost = {
  place: null,
  async run({ session, ...child }) {
    const env = session
      ? {
          ...libpqEnvironment(session.address),
          PGAPPNAME: session.name,
          ...(session.options === undefined ? {} : { PGOPTIONS: session.options }),
        }
      : { PATH: process.env.PATH, LC_ALL: "C" };
    return runChild({ ...child, env });
  },
  withFiles: (folder, _names, _signal, use) => use(folder),
  verifyServer: () => Promise.resolve(),
};
