import { randomBytes } from "node:crypto";
import { PassThrough, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { create as createTar } from "tar";

import { type Client, type DatabaseAddress, withClient } from "../postgres/connection";
import { isDamage } from "../postgres/damage";
import { errorText } from "../postgres/errors";
import { withMaintenance } from "../postgres/maintenance";
import type { ExecPlace } from "../runtimes/exec";
import { ChildFailure, LineTail } from "./child-process";
import { BackupError } from "./errors";
import type { ToolHost, ToolRun } from "./tool-host";

/*
 * What the place runs in front of a program. The first line of standard input is the password: arguments and environment
 * of an exec can be read by whoever may ask the place's engine, what is fed to it cannot. Then it says which process is to
 * be killed when the program shall end: nobody ends it just because we are gone.
 *
 * No process may ever be left to the container's first one, which is PostgreSQL itself: it takes an unknown child that was
 * killed for a crashed session, and ends all sessions. So every shell here waits for all that it has started.
 */
const begin = `umask 077
IFS= read -r PGPASSWORD
export PGPASSWORD`;

/** In front of a program that reads: at the end of what it reads, however that came, it ends by itself. */
const feedingScript = `${begin}
echo "octollm-pid $$" >&2
exec "$@"`;

/** In front of a program that reads nothing: it is ended when standard input ends, at the latest when we do. */
const guardingScript = `${begin}
exec 3<&0 </dev/null
(
  trap 'kill -TERM $program 2>/dev/null' TERM
  "$@" 3<&- &
  program=$!
  echo "octollm-pid $program" >&2
  wait $program
  code=$?
  while kill -0 $program 2>/dev/null; do wait $program; code=$?; done
  echo "octollm-end" >&2
  exit $code
) 3<&- &
child=$!
cat <&3 >/dev/null
kill -TERM $child 2>/dev/null
wait $child`;

const patienceMs = 5_000;
/** Lines of what a program said that an error tells. */
const longestStory = 40;

/** PostgreSQL's programs in the container or pod of the server, which they reach on its own loopback interface. */
export function insideHost(place: ExecPlace): ToolHost {
  // The server says itself on which port it listens; looked up once, and only when a program is to connect.
  const known = new Map<string, Promise<number>>();
  const portOf = (address: DatabaseAddress, signal: AbortSignal) => {
    const key = `${address.host} ${address.port}`;
    const found = known.get(key) ?? findServer(place, address, signal);
    known.set(key, found);
    found.catch(() => known.delete(key));
    return found;
  };
  return {
    place: place.name,
    async run(run) {
      const port = run.session ? await portOf(run.session.address, run.signal) : null;
      return runInside(place, run, port);
    },
    withFiles: (folder, names, signal, use) => withCopies(place, { folder, names, signal }, use),
    verifyServer: async (address, signal) => void (await portOf(address, signal)),
  };
}

/**
 * The port of the server inside, once it is proven to be the one that the address leads to: it must know a session of ours
 * that was opened from here.
 *
 * @throws BackupError when it is another server, or none
 */
async function findServer(place: ExecPlace, address: DatabaseAddress, signal: AbortSignal): Promise<number> {
  const token = randomBytes(8).toString("hex");
  const options = { name: `finding ${token}`, readOnly: true };
  const find = async (client: Client) => {
    const { rows } = await client.query<{ database: string; port: string }>(
      "SELECT current_database() AS database, current_setting('port') AS port",
    );
    const [{ database, port } = { database: address.database, port: "5432" }] = rows;
    const isSeen = await seesSession(place, { ...address, database, port: Number(port) }, { token, signal });
    if (isSeen) return Number(port);
    throw new BackupError(
      `In ${place.name} there is another database server than the one at ${address.host}:${address.port}. Correct octollm:database.container.`,
    );
  };
  try {
    return await withClient(address, options, find);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return withMaintenance(address, options, find);
  }
}

/** Whether the server inside has a session of ours, by a part of its name. */
async function seesSession(
  place: ExecPlace,
  address: DatabaseAddress,
  { token, signal }: { token: string; signal: AbortSignal },
): Promise<boolean> {
  const look = `SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name LIKE '%finding ${token}'`;
  const session = { address, name: "octollm-upgrade: psql" };
  const args = ["--no-psqlrc", "--no-password", "--tuples-only", "--no-align", `--command=${look}`];
  try {
    return (await runInside(place, { program: "psql", args, session, signal }, address.port)).trim() === "1";
  } catch (error) {
    signal.throwIfAborted();
    throw new BackupError(`In ${place.name} the database server cannot be reached: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** Arguments that set what is no secret, for `env`. */
function variables({ session }: ToolRun, port: number | null): string[] {
  if (!session || port === null) return ["LC_ALL=C"];
  const { database, user } = session.address;
  const set = {
    LC_ALL: "C",
    PGHOST: "127.0.0.1",
    PGPORT: String(port),
    PGDATABASE: database,
    PGUSER: user,
    PGAPPNAME: session.name,
    PGOPTIONS: session.options ?? "",
    PGCONNECT_TIMEOUT: "10",
    PGPASSFILE: "/dev/null",
  };
  return Object.entries(set).map(([key, value]) => `${key}=${value}`);
}

async function runInside(place: ExecPlace, run: ToolRun, port: number | null): Promise<string> {
  const { program, args, input, signal } = run;
  const password = run.session?.address.password ?? "";
  if (/[\r\n]/.test(password)) throw new BackupError("A password of more than one line cannot be used in a container.");
  const script = input ? feedingScript : guardingScript;
  const argv = ["/bin/sh", "-c", script, "sh", "env", ...variables(run, port), program, ...args];
  const letGo = new AbortController();
  const feed = input ? feedInput(password, input) : feedNothing(password);
  const said: string[] = [];
  const tail = new LineTail((line) => {
    const [, word, pid] = /^octollm-(pid|end) ?(\d*)$/.exec(line) ?? [];
    if (word === "end") feed.end();
    else if (word === "pid") feed.pid = pid;
    else {
      run.onLine?.(line);
      said.push(line);
      if (said.length > longestStory) said.shift();
    }
  });
  const stopAbort = endOnAbort(place, feed, { signal, letGo });
  try {
    const { exitCode, output } = await exchange(place, argv, { run, feed, tail, signal: letGo.signal });
    signal.throwIfAborted();
    if (exitCode === 0) return output;
    throw new ChildFailure({ program: `${program} in ${place.name}`, exitCode, said: said.join("\n") });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    stopAbort();
  }
}

/** What goes to a program's standard input. */
interface Feed {
  readonly stream: Readable;
  /** The process that is to be killed, once it is known. */
  pid?: string | undefined;
  /** Ends it before its time. */
  readonly end: () => void;
  /** What was wrong with the input itself. */
  readonly fault: () => Error | undefined;
}

function feedInput(password: string, input: Readable): Feed {
  let fault: Error | undefined;
  async function* whole() {
    yield Buffer.from(`${password}\n`);
    try {
      for await (const chunk of input) yield chunk as Buffer;
    } catch (error) {
      fault = error as Error;
      throw error;
    }
  }
  const stream = Readable.from(whole(), { objectMode: false });
  return { stream, end: () => stream.destroy(), fault: () => fault };
}

/** The password, and then nothing for as long as the program is to run. */
function feedNothing(password: string): Feed {
  const stream = new PassThrough();
  stream.write(`${password}\n`);
  return { stream, end: () => stream.end(), fault: () => undefined };
}

interface Exchange {
  readonly run: ToolRun;
  readonly feed: Feed;
  readonly tail: LineTail;
  readonly signal: AbortSignal;
}

/** Feeds a program and takes what it writes. */
async function exchange(
  place: ExecPlace,
  argv: readonly string[],
  { run, feed, tail, signal }: Exchange,
): Promise<{ exitCode: number | null; output: string }> {
  const errors = new Writable({
    write(chunk: Buffer, _encoding, done) {
      tail.add(chunk.toString("utf8"));
      done();
    },
  });
  const chunks: Buffer[] = [];
  const output = new PassThrough();
  const taking = run.output ? pipeline(output, run.output) : collect(output, chunks);
  const running = place.exec(argv, { input: feed.stream, output, errors }, signal);
  const [exit, taken] = await Promise.allSettled([running, taking]);
  if (taken.status === "rejected") throw taken.reason;
  const fault = feed.fault();
  if (fault) throw fault;
  if (exit.status === "rejected") throw exit.reason;
  return { exitCode: exit.value, output: Buffer.concat(chunks).toString("utf8") };
}

async function collect(from: Readable, chunks: Buffer[]): Promise<void> {
  for await (const chunk of from as AsyncIterable<Buffer>) chunks.push(chunk);
}

/** Ends the program where it runs: SIGTERM first, SIGKILL after five seconds, and then it is let go of. */
function endOnAbort(
  place: ExecPlace,
  feed: Feed,
  { signal, letGo }: { signal: AbortSignal; letGo: AbortController },
): () => void {
  const kill = async (name: "TERM" | "KILL") => {
    // A program that nobody has told of yet is ended by the end of what it is fed.
    if (feed.pid === undefined) return feed.end();
    const argv = ["/bin/sh", "-c", `kill -${name} "$0"`, feed.pid];
    const streams = {
      input: Readable.from([]),
      output: new PassThrough().resume(),
      errors: new PassThrough().resume(),
    };
    await place.exec(argv, streams, AbortSignal.timeout(patienceMs)).catch(() => letGo.abort(signal.reason));
  };
  const timers: NodeJS.Timeout[] = [];
  const abort = () => {
    void kill("TERM");
    timers.push(setTimeout(() => void kill("KILL"), patienceMs));
    timers.push(setTimeout(() => letGo.abort(signal.reason), 2 * patienceMs));
  };
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return () => {
    signal.removeEventListener("abort", abort);
    for (const timer of timers) clearTimeout(timer);
  };
}

interface Copies {
  readonly folder: string;
  readonly names: readonly string[];
  readonly signal: AbortSignal;
}

/** Makes a folder, and removes it at the end of standard input: at the latest when we are gone. */
const holdFolder = 'mkdir -p /tmp && mkdir -m 700 "$0" || exit; echo made >&2; cat >/dev/null; rm -rf "$0"';

/** Copies files into a private folder there, and removes it again. */
async function withCopies<T>(place: ExecPlace, copies: Copies, use: (folder: string) => Promise<T>): Promise<T> {
  const { folder, names, signal } = copies;
  const there = `/tmp/octollm-${randomBytes(8).toString("hex")}`;
  const shell = (script: string, run: Pick<ToolRun, "input" | "onLine" | "signal">) =>
    runInside(place, { program: "/bin/sh", args: ["-c", script, there], ...run }, null);
  const open = new PassThrough();
  let made: () => void;
  const ready = new Promise<void>((resolve) => (made = resolve));
  const held = shell(holdFolder, {
    input: open,
    onLine: (line) => line === "made" && made(),
    // Also an abort only ends its input, so that it clears up.
    signal: new AbortController().signal,
  });
  try {
    await Promise.race([ready, held]);
    const archive = Readable.from(createTar({ cwd: folder, portable: true }, [...names]), { objectMode: false });
    await shell('exec tar -xf - -C "$0"', { input: archive, signal });
    return await use(there);
  } finally {
    open.end();
    // Whoever has lost the place cannot clear up in it either.
    await held.catch(() => undefined);
  }
}
