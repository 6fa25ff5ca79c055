import { findRelease } from "../planner/chain";
import { expectedIndexes } from "../planner/checks";
import type { CheckPlan } from "../planner/plan";
import { checkIndexes, checkInvariant, type CheckResult, compareCounts } from "../postgres/checks";
import { type Client, withClient } from "../postgres/connection";
import { countRows } from "../postgres/counts";
import { readAlembicVersion } from "../postgres/facts";
import type { Release, SmokeRequest } from "../releases/release";
import { runtime } from "../runtimes/driver";
import type { ServiceSpec } from "../runtimes/runtime";
import { withoutSecrets } from "../runtimes/secrets";
import { type Activity, type Attempt, PhaseError } from "./attempt";
import { serviceSpecs } from "./site";

const smokeTimeoutMs = 10_000;

/**
 * Makes every check of the plan.
 *
 * @returns all results; each of them passed
 * @throws PhaseError that lists the checks that failed
 */
export async function verify(
  attempt: Attempt,
  plan: CheckPlan,
  { progress }: Activity,
): Promise<readonly CheckResult[]> {
  const release = findRelease(attempt.catalogue, plan.release);
  if (!release) throw new PhaseError(`The catalogue has no release '${plan.release}' to verify.`);
  const specs = await serviceSpecs(attempt.site, plan.release);
  progress("asking the services");
  const results = [...(await checkHealth(specs)), ...(await checkSmoke(release.smoke, specs))];
  progress("looking at the database");
  results.push(
    ...(await withClient(attempt.address, { name: "verify", readOnly: true }, (client) =>
      checkDatabase(client, attempt, { plan, release }),
    )),
  );
  progress("reading the logs");
  results.push(...(await checkLogs(attempt, specs)));
  attempt.progress.story.checks = results;
  const failed = results.filter((result) => !result.passed);
  if (failed.length === 0) return results;
  throw new PhaseError(
    `${failed.length} of ${results.length} checks failed:\n${failed.map(({ check, detail }) => `  ${check}: ${detail}`).join("\n")}`,
  );
}

async function checkHealth(specs: readonly ServiceSpec[]): Promise<CheckResult[]> {
  return Promise.all(
    specs.map(async (spec) => {
      const state = await runtime.inspect(spec);
      const passed = state.healthy && (state.release === null || state.release === spec.release);
      return { check: `${spec.name} answers ${spec.health} as ${spec.release}`, passed, detail: state.detail };
    }),
  );
}

async function checkSmoke(requests: readonly SmokeRequest[], specs: readonly ServiceSpec[]): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const request of requests) {
    const spec = specs.find((candidate) => candidate.name === request.service);
    // An installation need not run every service that a release knows.
    if (!spec) continue;
    results.push(await checkRequest(request, spec));
  }
  return results;
}

async function checkRequest({ method, path, status, service }: SmokeRequest, spec: ServiceSpec): Promise<CheckResult> {
  const check = `${service} answers ${method} ${path} with ${status}`;
  try {
    const response = await fetch(`http://127.0.0.1:${spec.port}${path}`, {
      method,
      redirect: "manual",
      signal: AbortSignal.timeout(smokeTimeoutMs),
    });
    await response.arrayBuffer();
    return { check, passed: response.status === status, detail: `answered ${response.status}` };
  } catch (error) {
    return { check, passed: false, detail: `no answer: ${error instanceof Error ? error.message : String(error)}` };
  }
}

interface Expectation {
  readonly plan: CheckPlan;
  readonly release: Release;
}

async function checkDatabase(client: Client, attempt: Attempt, { plan, release }: Expectation): Promise<CheckResult[]> {
  const results = await checkIndexes(client, expectedIndexes(attempt.catalogue, release));
  for (const invariant of release.invariants) results.push(await checkInvariant(client, invariant));
  const [revision = "none"] = (await readAlembicVersion(client)) ?? [];
  const expected = beforePost(attempt, plan.revision);
  results.push({
    check: `alembic_version says ${expected}`,
    passed: revision === expected,
    detail: `it says ${revision}`,
  });
  return [...results, ...(await compareWithBackup(client, attempt, plan))];
}

/** Post-revisions come after the verification. */
function beforePost({ plan }: Attempt, revision: string): string {
  return plan.revisions.post[0]?.before ?? revision;
}

/**
 * Where the writers were stopped, the rows were compared before anybody served again; since then the clients may write,
 * so that rows can only be told to be there.
 */
async function compareWithBackup(client: Client, { progress }: Attempt, plan: CheckPlan): Promise<CheckResult[]> {
  if (progress.counts === null) return [];
  const results = compareCounts(progress.counts, await countRows(client));
  return results.map((result) => ({
    ...result,
    passed: true,
    detail: plan.countsMustMatch ? `${result.detail}; equal before the services started` : result.detail,
  }));
}

async function checkLogs({ site, progress }: Attempt, specs: readonly ServiceSpec[]): Promise<CheckResult[]> {
  const allow = site.verification.logAllow.map((pattern) => new RegExp(pattern));
  return Promise.all(
    specs.map(async (spec) => {
      const { lines, count } = await runtime.scanLog(spec, progress.logMarks[spec.name] ?? 0, { allow });
      const [first] = lines;
      return {
        check: `${spec.name} logs no error since it started`,
        passed: first === undefined,
        detail:
          first === undefined
            ? "no error"
            : `${count} lines, first: ${withoutSecrets(first, spec.environment).slice(0, 200)}`,
      };
    }),
  );
}
