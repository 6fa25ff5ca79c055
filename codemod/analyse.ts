import { Addresses } from "./addresses";
import { Bodies } from "./bodies";
import { Leftovers } from "./leftovers";
import { Requests } from "./requests";
import type { ClientRules } from "./rules";
import { Scopes, type SourceFile } from "./scopes";
import { SdkClients } from "./sdk";
import { type Edit, type Finding, type Site, Sites } from "./sites";
import { type Call, everyNode, type Node } from "./tree";

/** What is to change in a set of files, and what a person has to look at. */
export interface Analysis {
  readonly edits: readonly Edit[];
  readonly findings: readonly Finding[];
}

/** Applies one release's rules to files that belong together. Nothing is changed; the edits say what would be. */
export function analyse(files: readonly SourceFile[], rules: ClientRules): Analysis {
  const scopes = new Scopes(files);
  const sites = new Sites();
  const addresses = new Addresses(scopes, rules.hints);
  const bodies = new Bodies(scopes, sites, rules.scales);
  const requests = new Requests(scopes, sites, addresses, bodies, rules);
  const clients = new SdkClients(scopes, sites, addresses, bodies, rules.sdks);
  const leftovers = new Leftovers(scopes, sites, bodies, rules);
  const nodes = files.flatMap(({ root }) => [...everyNode(root)]);
  const calls = nodes.filter((node): node is Call => node.kind === "call");
  for (const call of calls) clients.readMaking(call);
  for (const call of calls) clients.readUse(call);
  for (const call of calls) if (!sites.of(call)) requests.read(call);
  const aware = new Set(files.filter((file) => leftovers.knowsOctollm(file)));
  for (const site of sites.all) aware.add(site.file);
  for (const node of nodes.filter(isLoose)) if (aware.has(scopes.fileOf(node))) requests.readLoose(node);
  for (const node of nodes) leftovers.readComparison(node);
  bodies.judgeShared();
  const numbers = files.flatMap((file) => leftovers.list(file, aware.has(file)));
  const judged = sites.groups().map((group) => judge(group, numbers));
  return {
    edits: distinct(judged.flatMap(({ edits }) => edits)),
    findings: ordered([...judged.flatMap(({ findings }) => findings), ...requests.undecided, ...numbers]),
  };
}

/** A text that is no part of a larger one, and no docstring. */
function isLoose(node: Node): boolean {
  const whole = node.parent?.kind !== "text" && node.parent?.kind !== "join";
  return whole && ((node.kind === "text" && !node.statement) || node.kind === "join");
}

/** All of a group or nothing of it. */
function judge(group: readonly Site[], numbers: readonly Finding[]): Analysis {
  const against = group.flatMap((site) => site.against);
  const handedTo = new Set(group.flatMap(({ handedOn }) => [...handedOn]));
  const hasClient = group.some(({ isClient }) => isClient);
  const nearby = numbers.filter(({ file, ofSdkCall }) => handedTo.has(file) || (hasClient && ofSdkCall));
  const edits = group.flatMap((site) => site.edits);
  if (edits.length === 0) return { edits, findings: against };
  const [cause] = [...against, ...nearby];
  if (!cause) return { edits, findings: [] };
  const said = (site: Site) => against.some(({ file, at }) => file === site.file && at >= site.at && at < site.end);
  const waiting = group
    .filter((site) => site.edits.length > 0 && !said(site))
    .map(({ file, at }): Finding => ({ file, at, kind: "undecided", reason: waitsFor(cause, file) }));
  return { edits: [], findings: [...against, ...waiting] };
}

function waitsFor(cause: Finding, file: SourceFile): string {
  const line = cause.file.text.slice(0, cause.at).split(/\r\n|\n|\r/).length;
  return `left as it is, together with ${cause.file === file ? "line " : `${cause.file.path}:`}${line}`;
}

function distinct(edits: readonly Edit[]): Edit[] {
  const seen = new Map(edits.map((edit) => [`${edit.file.path}:${edit.start}`, edit]));
  return [...seen.values()];
}

function ordered(findings: readonly Finding[]): Finding[] {
  const seen = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.file.path}:${finding.at}`;
    if (!seen.has(key)) seen.set(key, finding);
  }
  return [...seen.values()].sort((a, b) =>
    a.file.path < b.file.path ? -1 : a.file.path > b.file.path ? 1 : a.at - b.at,
  );
}
