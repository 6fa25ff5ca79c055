import type { Resource } from "./observe";

/** One command of a case, and what stands around it. */
export interface Command {
  argv: string[];
  /** From here on the program says this. */
  program?: string;
  /** From here on this is found outside. */
  outside?: object;
  /** Changes the state file, as a killed engine or an operator might leave it. */
  state?: (latest: { resources: Resource[]; pending_operations?: unknown[] }) => void;
  env?: NodeJS.ProcessEnv;
  /** The way to a refusal may differ: what the provider was asked on it is not compared. */
  anyCalls?: true;
  /** What both engines say, in whatever words: each of these is found in what they wrote. */
  says?: RegExp[];
}

/** Something that goes wrong or is refused, on a stack of its own. */
export interface Case {
  name: string;
  /** Calls come in one order only. */
  ordered?: true;
  commands: Command[];
}

const up = ["up", "--yes", "--skip-preview"];
const urn = (name: string): string => `urn:pulumi:dev::probe::demo:index:Thing::${name}`;

/** What cannot share a stack, because it ends a run. */
export const cases: Case[] = [
  {
    name: "failing-create",
    ordered: true,
    commands: [
      { argv: up, program: 'new Thing("old", {});' },
      {
        argv: up,
        program: `const a = new Thing("a", {}); const b = new Thing("b", { fail: "create" }, { dependsOn: [a] }); new Thing("c", { value: b.id });`,
        says: [/b will not be created/],
      },
      {
        argv: up,
        program: `const a = new Thing("a", {}); const b = new Thing("b", {}, { dependsOn: [a] }); new Thing("c", { value: b.id });`,
      },
    ],
  },
  {
    name: "failing-update",
    ordered: true,
    commands: [
      { argv: up, program: 'new Thing("a", { value: 1 });' },
      { argv: up, program: 'new Thing("a", { value: 2, fail: "update" });', says: [/a will not be updated/] },
    ],
  },
  {
    name: "partial-failure",
    ordered: true,
    commands: [
      {
        argv: up,
        program: 'const a = new Thing("a", { partial: true }); new Thing("b", { value: a.id });',
        says: [/half made/],
      },
      { argv: ["preview", "--json"] },
      { argv: up, program: 'new Thing("a", { partial: "update" });', says: [/half made/] },
      { argv: up, program: 'new Thing("a", { partial: "update" }, { replaceOnChanges: ["#initerror"] });' },
    ],
  },
  {
    name: "failing-delete",
    ordered: true,
    commands: [
      {
        argv: up,
        program:
          'const a = new Thing("a", {}); const b = new Thing("b", { fail: "delete" }, { dependsOn: [a] }); new Thing("c", { value: b.id });',
      },
      { argv: up, program: "", says: [/b will not be deleted/] },
    ],
  },
  {
    name: "failing-delete-of-the-replaced",
    ordered: true,
    commands: [
      { argv: up, program: 'new Thing("a", { replaceMe: 1, fail: "delete" });' },
      { argv: up, program: 'new Thing("a", { replaceMe: 2 });', says: [/a will not be deleted/] },
      { argv: ["preview", "--json"] },
      {
        argv: up,
        state: (latest) =>
          latest.resources.forEach((resource) => delete (resource.inputs as Resource | undefined)?.fail),
      },
    ],
  },
  {
    name: "failing-replacement",
    ordered: true,
    commands: [
      {
        argv: up,
        program: 'const a = new Thing("a", { replaceMe: 1, deleteFirst: true }); new Thing("b", { replaceToo: a.id });',
      },
      {
        argv: up,
        program:
          'const a = new Thing("a", { replaceMe: 2, deleteFirst: true, fail: "create" }); new Thing("b", { replaceToo: a.id });',
        says: [/a will not be created/],
      },
      {
        argv: ["preview", "--json"],
        program: 'const a = new Thing("a", { replaceMe: 2, deleteFirst: true }); new Thing("b", { replaceToo: a.id });',
      },
      { argv: up },
    ],
  },
  {
    name: "refused-inputs",
    commands: [
      {
        argv: ["preview"],
        program: 'new Thing("a", { value: "forbidden" });',
        says: [/demo:index:Thing resource 'a': .*this value is forbidden/],
      },
      { argv: up, says: [/this value is forbidden/] },
    ],
  },
  {
    name: "protected-from-deletion",
    commands: [
      {
        argv: up,
        program:
          'const a = new Thing("a", {}); new Thing("b", { value: a.id }, { protect: true }); new Thing("c", {});',
      },
      { argv: up, program: "", says: [/Thing::b" cannot be deleted\s+because it is protected/] },
      { argv: ["destroy", "--yes", "--skip-preview"], says: [/Thing::b" cannot be deleted/] },
      { argv: ["preview", "--json"], says: [/cannot be deleted/] },
    ],
  },
  {
    name: "protected-from-replacement",
    commands: [
      {
        argv: up,
        program:
          'const a = new Thing("a", { replaceMe: 1, deleteFirst: true }); new Thing("b", { replaceToo: a.id }, { protect: true });',
      },
      {
        argv: up,
        program:
          'const a = new Thing("a", { replaceMe: 2, deleteFirst: true }); new Thing("b", { replaceToo: a.id }, { protect: true });',
        says: [/unable to replace resource .*Thing::b"/],
      },
      {
        argv: up,
        program:
          'const a = new Thing("a", { replaceMe: 1, deleteFirst: true }); new Thing("b", { replaceMe: 1, value: a.id }, { protect: true });',
        says: [/unable to replace resource .*Thing::b"/],
      },
    ],
  },
  {
    name: "duplicate-name",
    commands: [
      {
        argv: up,
        program: 'const a = new Thing("a", {}); new Thing("a", {}, { dependsOn: [a] });',
        says: [/[Dd]uplicate resource URN .*Thing::a/],
      },
    ],
  },
  {
    name: "failing-program",
    commands: [
      { argv: up, program: 'new Thing("a", {}); new Thing("b", {});' },
      { argv: up, program: 'new Thing("a", { value: 2 }); throw new pulumi.RunError("gave up");', says: [/gave up/] },
      {
        argv: up,
        program: 'new Thing("a", { value: 2 }).id.apply(() => { process.exitCode = 3; });',
        says: [/non-zero exit code: 3/],
      },
    ],
  },
  {
    name: "pending-operations",
    commands: [
      { argv: up, program: 'new Thing("a", {}); new Thing("b", {});' },
      {
        argv: up,
        state: (latest) => {
          const [a, b] = latest.resources.filter(({ type }) => type === "demo:index:Thing");
          latest.pending_operations = [
            { resource: a, type: "updating" },
            { resource: { ...b, urn: urn("lost"), id: undefined }, type: "creating" },
          ];
        },
        says: [/2 pending operations/, /Thing::lost, interrupted while creating/],
      },
      { argv: ["refresh", "--yes", "--skip-preview"] },
      { argv: ["refresh", "--yes", "--skip-preview", "--clear-pending-creates"] },
    ],
  },
  {
    name: "failing-refresh",
    commands: [
      { argv: up, program: 'new Thing("a", { value: 1 }); new Thing("b", {});' },
      {
        argv: ["refresh", "--yes", "--skip-preview"],
        outside: { a: { fail: "out of reach" } },
        says: [/out of reach/],
      },
      { argv: [...up, "--refresh"], program: 'new Thing("a", { value: 2 });', says: [/out of reach/] },
    ],
  },
  {
    name: "targets",
    commands: [
      {
        argv: up,
        program:
          'const a = new Thing("a", { value: 1 }); new Thing("b", { value: a.computed }); new Thing("c", { value: 1 });',
      },
      {
        argv: [...up, "--target", urn("a")],
        program: 'const a = new Thing("a", { value: 2 }); new Thing("b", { value: a.computed }); new Thing("n", {});',
      },
      { argv: ["preview", "--json", "--target", urn("c"), "--target", urn("n")] },
      {
        argv: ["refresh", "--yes", "--skip-preview", "--target", urn("b")],
        outside: { b: { inputs: { value: 5 } }, c: { inputs: { value: 5 } } },
      },
      {
        argv: ["destroy", "--yes", "--skip-preview", "--target", urn("a")],
        anyCalls: true,
        says: [/Thing::b' will be destroyed but was not specified in --target list/],
      },
      { argv: [...up, "--target", urn("nobody")], says: [/Thing::nobody' could not be found/] },
      {
        argv: [...up, "--target", urn("a")],
        anyCalls: true,
        program: 'const n = new Thing("n", {}); new Thing("a", { value: n.id }, { dependsOn: [n] });',
        says: [/Thing::a' depends on '.*Thing::n' which/],
      },
      { argv: ["destroy", "--yes", "--skip-preview", "--target", urn("b"), "--target", urn("c")] },
    ],
  },
  {
    name: "replace-by-name",
    ordered: true,
    commands: [
      { argv: up, program: 'new Thing("a", { value: 1 }, { ignoreChanges: ["value"] });' },
      { argv: [...up, "--replace", urn("a")], program: 'new Thing("a", { value: 2 }, { ignoreChanges: ["value"] });' },
      { argv: ["state", "taint", "--yes", urn("a")] },
      { argv: ["preview", "--json"] },
      { argv: up },
      { argv: ["state", "taint", "--yes", urn("nobody")], says: [/No such resource/] },
      { argv: ["state", "protect", "--yes", urn("a")] },
    ],
  },
  {
    name: "reading-what-is-not-there",
    commands: [
      {
        argv: up,
        program: 'new Thing("a", {}, { id: "x" });',
        outside: { a: { gone: true } },
        says: [/resource 'x' does not exist/],
      },
    ],
  },
  {
    name: "exit-codes",
    commands: [
      {
        argv: ["preview", "--stack", "nobody"],
        program: "module.exports = { out: pulumi.secret({ a: [1] }) };",
        says: [/no stack named 'nobody' found/],
      },
      { argv: ["up"], says: [/--yes or --skip-preview/] },
      { argv: ["preview", "--nonsense"], says: [/unknown flag: --nonsense/] },
      { argv: ["preview", "--expect-no-changes"], says: [/no changes were expected/] },
      { argv: [...up, "--expect-no-changes"], says: [/no changes were expected/] },
      { argv: [...up, "--expect-no-changes"] },
      { argv: ["preview"], env: { PULUMI_CONFIG_PASSPHRASE: "wrong" }, says: [/incorrect passphrase/] },
      { argv: ["stack", "output", "--json"] },
      { argv: ["stack", "output", "out", "--show-secrets"] },
      { argv: ["stack", "output", "nothing"], says: [/does not have output property 'nothing'/] },
      { argv: ["config", "get", "nothing"], says: [/'nothing' not found for stack 'dev'/] },
    ],
  },
];
