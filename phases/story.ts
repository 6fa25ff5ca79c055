import { basename, join } from "node:path";

import { readManifest } from "../backup/manifest";
import type { NotifyEvent } from "../notify/message";
import type { Attempt as LedgerAttempt, Ledger } from "../postgres/ledger";
import { readStory } from "../postgres/ledger-story";
import { attemptReport } from "../report/attempt";
import type { AttemptFacts, BackupFact, Ending } from "../report/facts";
import { way } from "../report/plan-sections";
import { hasReport, reportName, writeReport } from "../report/write";
import { programVersion } from "../version";
import { type Attempt, withLedger } from "./attempt";
import { sitePath } from "./site";

type Say = (line: string) => void;

/** What is told besides the attempt's own outcome goes to these. */
export interface Ears {
  /** A remark that is kept. */
  readonly say: Say;
  /** A warning: something could not be told. */
  readonly warn: Say;
}

/**
 * Tells that an attempt begins, and writes the report of the one before when nobody could: it was killed. Neither is waited
 * for by the work, nor fails it.
 *
 * @param ledger - as it was before the attempt was opened
 */
export async function tellBeginning(attempt: Attempt, ledger: Ledger, { say, warn }: Ears): Promise<void> {
  const { openAttempt: killed } = ledger;
  if (killed !== null) {
    const facts = () => killedFacts(attempt, killed);
    await reportOn(attempt, facts, {
      say: (path) => say(`attempt ${killed.attempt} was cut short; its report: ${path}`),
      warn,
    });
  }
  const { plan, number } = attempt;
  const text = `OctoLLM ${way(plan)} begins: attempt ${number} of stack ${attempt.opened.stack} on ${attempt.opened.host}.`;
  announce(attempt, "start", { ending: null, endedAt: null, text, report: null }, warn);
}

/**
 * Tells how an attempt ended: its report is written and the webhooks are told. Waits some seconds at most, and never fails.
 */
export async function tellEnd(attempt: Attempt, ending: Ending, { say, warn }: Ears): Promise<void> {
  const endedAt = Date.now();
  const report = await reportOn(attempt, () => attemptFacts(attempt, ending, endedAt), {
    say: (path) => say(`report: ${path}`),
    warn,
  });
  const event = ending.kind === "failed" || ending.kind === "killed" ? "failure" : "success";
  announce(attempt, event, { ending, endedAt, text: sentenceOn(attempt, ending), report }, warn);
  await attempt.telling.announcer.settled(warn);
}

function sentenceOn({ plan, number, opened }: Attempt, ending: Ending): string {
  const words = {
    succeeded: "is done",
    failed: "failed",
    stopped: "stopped where stopAfter says",
    killed: "was cut short",
  };
  return `OctoLLM ${way(plan)} ${words[ending.kind]}: attempt ${number} of stack ${opened.stack} on ${opened.host}.`;
}

interface News {
  readonly ending: Ending | null;
  readonly endedAt: number | null;
  readonly text: string;
  readonly report: string | null;
}

function announce(
  { plan, number, opened, progress, telling }: Attempt,
  event: NotifyEvent,
  news: News,
  warn: Say,
): void {
  const { ending, endedAt, text, report } = news;
  const { startedAt, outages } = progress.story;
  const seconds = (milliseconds: number) => Math.round(milliseconds / 100) / 10;
  const down = outages.reduce((sum, { from, to }) => sum + (to ?? endedAt ?? from) - from, 0);
  telling.announcer.announce(
    {
      event,
      stack: opened.stack,
      host: opened.host,
      attempt: number,
      plan: plan.id,
      direction: plan.direction,
      from: plan.from,
      to: plan.to,
      outcome: ending?.kind ?? null,
      startedAt: new Date(startedAt).toISOString(),
      finishedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
      seconds: endedAt === null ? null : seconds(endedAt - startedAt),
      downtimeSeconds: endedAt === null ? null : seconds(down),
      text,
      detail: ending === null || ending.kind === "succeeded" ? null : ending.text,
      report,
    },
    warn,
  );
}

/** @returns path of the HTML report; null when none could be written, which is said */
async function reportOn(
  attempt: Attempt,
  gather: () => Promise<AttemptFacts | null>,
  { say, warn }: Ears,
): Promise<string | null> {
  const { report } = attempt.telling;
  if (report === null) return null;
  try {
    const facts = await gather();
    if (facts === null) return null;
    const folder = sitePath(attempt.site, report.folder);
    const path = await writeReport(folder, reportName(facts), attemptReport(facts), report.keep);
    say(path);
    return path;
  } catch (error) {
    warn(
      `No report could be written; the upgrade does not depend on it. ${error instanceof Error ? error.message : String(error)}`,
    );
    return null;
  }
}

async function attemptFacts(attempt: Attempt, ending: Ending, endedAt: number): Promise<AttemptFacts> {
  const { plan, opened, progress, number } = attempt;
  const { startedAt, phases, outages, revisions, checks } = progress.story;
  return {
    program: programVersion,
    stack: opened.stack,
    host: opened.host,
    from: plan.from,
    to: plan.to,
    attempt: number,
    planId: plan.id,
    direction: plan.direction,
    plan,
    ending,
    startedAt,
    endedAt,
    phases,
    outages,
    backup: progress.backup === null ? null : await backupFact(progress.backup.path),
    revisions,
    counts: progress.counts,
    checks,
  };
}

async function backupFact(path: string): Promise<BackupFact> {
  const id = basename(path);
  try {
    const { verified, files, seconds, tool, encryption } = await readManifest(path);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const program = `${tool.program} ${tool.version}`;
    return {
      id,
      path,
      proof: { verified, files: files.length, bytes, seconds, tool: program, encrypted: encryption !== null },
    };
  } catch {
    return { id, path, proof: null };
  }
}

/** All that the ledger and the backup still know of an attempt that nobody closed; null when it has a report. */
async function killedFacts(attempt: Attempt, killed: LedgerAttempt): Promise<AttemptFacts | null> {
  const { site, telling } = attempt;
  if (telling.report && (await hasReport(sitePath(site, telling.report.folder), killed.attempt))) return null;
  const story = await withLedger(attempt, (client) => readStory(client, killed.attempt));
  const startedAt = Date.parse(killed.startedAt);
  const ends = story.phases.map(({ startedAt: from, endedAt: to }) => to ?? from);
  const text = [
    `Attempt ${killed.attempt} of stack ${killed.stack} on ${killed.host} (process ${killed.pid}) was cut short in ${killed.phase ?? "Preflight"}.`,
    `Attempt ${attempt.number} has taken over; its own report says how things stand now.`,
  ].join("\n");
  const backup = killed.backupId === null ? null : join(sitePath(site, site.backup.folder), killed.backupId);
  return {
    program: killed.programVersion,
    stack: killed.stack,
    host: killed.host,
    from: killed.fromVersion,
    to: killed.toVersion,
    attempt: killed.attempt,
    planId: killed.planId,
    direction: killed.direction,
    plan: null,
    ending: { kind: "killed", text },
    startedAt,
    endedAt: Math.max(startedAt, ...ends),
    phases: story.phases,
    outages: [],
    backup: backup === null ? null : await backupFact(backup),
    revisions: story.revisions,
    counts: killed.counts,
    checks: [],
  };
}
