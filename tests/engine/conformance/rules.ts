/** One rule of Pulumi's engine: what a program says in each of its generations. */
export interface Rule {
  name: string;
  /**
   * JavaScript for each generation; the last one stays. It may use `thing`, `group` and `demo`, which put the rule's name
   * before theirs, and `out(name, value)` for an output of the stack.
   */
  programs: [string, ...string[]];
  /** Its calls come in one order only. */
  ordered?: true;
  /** What the refresh and the destruction at the end do to it belongs to the rule. */
  toTheEnd?: true;
}

/** What is found outside, by name, when the stack is refreshed after its third generation. */
export const outside = {
  "refresh.changed": { inputs: { value: 7 } },
  "refresh.gone": { gone: true },
  "refresh.computed": { outputs: { computed: "moved" } },
  "refresh.unhealthy": { unhealthy: true },
  "refresh.secret": { inputs: { token: "rotated" } },
  "refresh.detailed": { inputs: { value: 2, list: [1, 2] } },
  "refresh-orphans.a": { gone: true },
  "read.x": { outputs: { computed: "elsewhere" } },
};

/** Rules that can share a stack, because nothing of them fails. */
export const rules: Rule[] = [
  {
    name: "lifecycle",
    ordered: true,
    programs: [
      `const a = thing("a", { value: 1 }); thing("b", { value: a.computed });`,
      `const a = thing("a", { value: 2 }); thing("b", { value: a.computed });`,
      ``,
    ],
  },
  {
    name: "create-first",
    ordered: true,
    programs: [1, 2].map((value) => {
      return `const a = thing("a", { replaceMe: ${value} }); const b = thing("b", { value: a.id }); thing("c", {}, { dependsOn: [b] });`;
    }) as [string, string],
  },
  {
    name: "delete-first",
    ordered: true,
    programs: [1, 2].map((value) => {
      return `const a = thing("a", { replaceMe: ${value}, deleteFirst: true }); const b = thing("b", { replaceToo: a.id });
        const c = thing("c", { value: b.id }); thing("d", { value: 4 }, { dependsOn: [c] });`;
    }) as [string, string],
  },
  {
    name: "delete-first-by-option",
    ordered: true,
    programs: [1, 2].map((value) => {
      return `const a = thing("a", { replaceMe: ${value} }, { deleteBeforeReplace: true }); thing("b", { replaceToo: a.id });`;
    }) as [string, string],
  },
  {
    name: "create-first-by-option",
    ordered: true,
    programs: [1, 2].map((value) => {
      return `thing("a", { replaceMe: ${value}, deleteFirst: true }, { deleteBeforeReplace: false });`;
    }) as [string, string],
  },
  {
    name: "delete-waves",
    ordered: true,
    programs: [
      `const a = thing("a", {}); const b = thing("b", {}, { dependsOn: [a] }); const g = group("g", { dependsOn: [b] });
       const c = thing("c", {}, { parent: g }); thing("d", { value: c.id });`,
      ``,
    ],
  },
  {
    name: "parents",
    toTheEnd: true,
    programs: [
      `const g = group("g", { protect: true, retainOnDelete: true }); thing("a", {}, { parent: g });
       const inner = group("inner", { parent: g }); thing("b", {}, { parent: inner, protect: false });
       thing("c", {}, { parent: thing("p", {}) }); group("many", { deletedWith: g, additionalSecretOutputs: ["x"],
         customTimeouts: { create: "5m" }, ignoreChanges: ["x"], replaceOnChanges: ["x"], deleteBeforeReplace: true });`,
      `const g = group("g"); group("inner", { parent: g }); thing("a", {}, { parent: g }); thing("b", {}, { parent: g }); thing("c", {});`,
    ],
  },
  {
    name: "depends-on",
    toTheEnd: true,
    programs: [
      `const g = group("g"); const a = thing("a", {}, { parent: g }); const i = group("i", { parent: g });
       const b = thing("b", {}, { parent: i }); thing("c", {}, { dependsOn: [g] }); thing("d", { value: pulumi.all([a.id, b.computed]) });`,
      `const g = group("g"); const a = thing("a", {}, { parent: g }); thing("c", {}, { dependsOn: [a] }); thing("d", { value: a.id });`,
    ],
  },
  {
    name: "protect",
    programs: [
      `thing("a", {}, { protect: true }); thing("b", { value: 1 }, { protect: true });`,
      `thing("a", {}, { protect: false }); thing("b", { value: 2 }, { protect: true });`,
      `thing("b", { replaceMe: 2 });`,
    ],
  },
  {
    name: "retain",
    programs: [
      `thing("a", {}, { retainOnDelete: true }); thing("b", { replaceMe: 1 }, { retainOnDelete: true });
       thing("c", { replaceMe: 1, deleteFirst: true }, { retainOnDelete: true });`,
      `thing("b", { replaceMe: 2 }, { retainOnDelete: true }); thing("c", { replaceMe: 2, deleteFirst: true }, { retainOnDelete: true });`,
    ],
  },
  {
    name: "ignore-changes",
    programs: [1, 2].map((value) => {
      const list = value === 1 ? "[{ x: 1, y: 1 }, { x: 1 }]" : "[{ x: 2, y: 2 }, { x: 2 }, { x: 2 }]";
      return `thing("a", { value: ${value}, list: ${list}, deep: { in: { a: ${value} }, b: ${value} } },
          { ignoreChanges: ["value", "list[*].x", "deep.in"] });
        thing("gone", { value: 1${value === 1 ? ", other: 1" : ""} }, { ignoreChanges: ["other"] });
        thing("new", { value: 1${value === 2 ? ", other: 1" : ""} }, { ignoreChanges: ["other"] });
        thing("replaced", { replaceMe: ${value} }, { ignoreChanges: ["replaceMe"] });
        thing("all", { value: ${value}, list: [${value}] }, { ignoreChanges: ["*"] });`;
    }) as [string, string],
  },
  {
    name: "replace-on-changes",
    programs: [1, 2].map((value) => {
      return `thing("list", { list: [${value}] }, { replaceOnChanges: ["list[*]"] });
        thing("deep", { deep: { a: ${value}, b: 1 } }, { replaceOnChanges: ["deep.a"] });
        thing("other", { deep: { a: 1, b: ${value} } }, { replaceOnChanges: ["deep.a"] });
        thing("star", { value: ${value} }, { replaceOnChanges: ["*"] });
        thing("detailed", { value: ${value}, detailed: true }, { replaceOnChanges: ["value"] });`;
    }) as [string, string],
  },
  {
    name: "deleted-with",
    programs: [
      `const a = thing("a", {}); thing("b", {}, { deletedWith: a }); const r = thing("r", { replaceMe: 1 });
       thing("s", {}, { deletedWith: r }); const f = thing("f", { replaceMe: 1, deleteFirst: true }); thing("u", {}, { deletedWith: f });`,
      `const r = thing("r", { replaceMe: 2 }); thing("s", {}, { deletedWith: r });
       const f = thing("f", { replaceMe: 2, deleteFirst: true }); thing("u", {}, { deletedWith: f });`,
    ],
  },
  {
    name: "custom-timeouts",
    programs: [
      `thing("a", { value: 1 }, { customTimeouts: { create: "5m", update: "1h30m", delete: "90s" } });`,
      `thing("a", { value: 2 }, { customTimeouts: { create: "5m", update: "2.5s", delete: "1m" } });`,
      ``,
    ],
  },
  {
    name: "additional-secret-outputs",
    programs: [
      `const a = thing("a", { value: 1 }, { additionalSecretOutputs: ["computed", "absent"] }); out("computed", a.computed);`,
      `const a = thing("a", { value: 1 }); out("computed", a.computed);`,
      `const a = thing("a", { value: 3 }); out("computed", a.computed);`,
    ],
  },
  {
    name: "secrets",
    programs: [
      `const a = thing("a", { token: pulumi.secret("hush"), deep: { in: [pulumi.secret(1), "open"] }, value: 1 });
       thing("b", { value: a.token }); thing("c", { value: 1 }); thing("d", { value: pulumi.secret({ k: [null, "x"] }) });
       out("token", a.token); out("deep", pulumi.secret({ deep: [1, null, ""] }));`,
      `const a = thing("a", { token: pulumi.secret("hush"), deep: { in: [pulumi.secret(1), "open"] }, value: 2 });
       thing("b", { value: a.token }); thing("c", { value: pulumi.secret(1) }); thing("d", { value: { k: [null, "x"] } });
       out("token", a.token); out("deep", pulumi.secret({ deep: [1, null, ""] }));`,
      `const a = thing("a", { token: "said", value: 2 }); thing("b", { value: a.token }); out("token", a.token);`,
    ],
  },
  {
    name: "unknowns",
    ordered: true,
    programs: [
      `const a = thing("a", {}); const b = thing("b", { value: a.computed, list: [a.id, "known"], deep: { in: a.computed } });
       out("whole", b.deep); out("text", pulumi.interpolate\`<\${b.computed}>\`);`,
      `const a = thing("a", { value: 2 }); const b = thing("b", { value: a.computed, list: [a.id, "known"], deep: { in: a.computed } });
       out("whole", b.deep); out("text", pulumi.interpolate\`<\${b.computed}>\`);`,
    ],
  },
  {
    name: "explicit-provider",
    programs: [
      `const p = demo("p", { region: "eu", token: pulumi.secret("t") }); const g = group("g", { providers: [p] });
       thing("a", { value: 1 }, { parent: g }); thing("b", { value: 1 }, { provider: p });`,
      `const p = demo("p", { region: "us", token: pulumi.secret("t") }); const g = group("g", { providers: [p] });
       thing("a", { value: 1 }, { parent: g }); thing("b", { value: 2 }, { provider: p });`,
      `const p = demo("p", { region: "us", account: "other" }); const g = group("g", { providers: [p] });
       thing("a", { value: 1 }, { parent: g }); thing("b", { value: 2 }, { provider: p });`,
    ],
  },
  {
    name: "provider-change",
    programs: [
      `thing("a", { value: 1 }); const p = demo("p", { region: "eu" }); thing("b", {}, { provider: p });`,
      `const p = demo("p", { region: "eu" }); thing("a", { value: 1 }, { provider: p }); const q = demo("q", { region: "eu" }); thing("b", {}, { provider: q });`,
      `thing("a", { value: 1 }); thing("b", {});`,
    ],
  },
  {
    name: "unknown-provider",
    ordered: true,
    programs: [1, 2].map((value) => {
      return `const a = thing("a", { value: ${value} }); const p = demo("p", { region: a.computed }); thing("b", { value: 1 }, { provider: p });`;
    }) as [string, string],
  },
  {
    name: "replacement-trigger",
    programs: [
      `thing("a", {}, { replacementTrigger: 1 }); thing("b", {}); thing("c", {}, { replacementTrigger: ["x"] });`,
      `thing("a", {}, { replacementTrigger: 2 }); thing("b", {}, { replacementTrigger: "set" }); thing("c", {}, { replacementTrigger: ["x"] });`,
      `thing("a", {}); thing("b", {}, { replacementTrigger: "set" }); thing("c", {}, { replacementTrigger: { x: ["y"] } });`,
    ],
  },
  {
    name: "hide-diffs",
    programs: [1, 2].map((value) => `thing("a", { value: ${value} }, { hideDiffs: ["value"] });`) as [string, string],
  },
  {
    name: "detailed-diff",
    programs: [
      `thing("a", { value: 1, list: [1], detailed: true }); thing("b", { value: 1, replaceMe: 1, detailed: "inputs" });`,
      `thing("a", { value: 2, other: 1, detailed: true }); thing("b", { value: 2, replaceMe: 2, detailed: "inputs" });`,
    ],
  },
  {
    name: "unknown-diff",
    programs: [1, 2].map((value) => {
      return `thing("same", { value: 1, unknownDiff: true }); thing("changed", { value: ${value}, list: [${value}], unknownDiff: true });
        thing("secret", { value: ${value === 1 ? 1 : "pulumi.secret(1)"}, unknownDiff: true });
        thing("ignored", { value: ${value}, unknownDiff: true }, { ignoreChanges: ["value"] });
        thing("watched", { value: ${value}, unknownDiff: true }, { replaceOnChanges: ["value"] });`;
    }) as [string, string],
  },
  {
    name: "empty-values",
    programs: [
      `thing("a", { nothing: null, empty: [], none: {}, text: "", zero: 0, no: false, missing: undefined, list: [null, undefined, 1] });`,
      `thing("a", { nothing: [], empty: null, none: [], text: null, zero: null, no: true });`,
    ],
  },
  {
    name: "odd-values",
    programs: [
      `thing("a", { text: "<&>\\u2028 \\ud83d\\ude00 \\"quoted\\" \\n", big: 123456789012345680000, small: 1e-7, minus: -0, "a.b": { "c d": 1, "__x": 2 } });`,
      `thing("a", { text: "<&>\\u2028 \\ud83d\\ude00 \\"quoted\\" \\n", big: 123456789012345680000, small: 2e-7, minus: -0, "a.b": { "c d": 1, "__x": 2 } });`,
    ],
  },
  {
    name: "component-outputs",
    programs: [
      `const g = group("g"); g.finish({ url: "one", secret: pulumi.secret(1) }); thing("a", { value: g.urn });`,
      `const g = group("g"); g.finish({ url: "two" }); thing("a", { value: g.urn });`,
      `const g = group("g"); thing("a", { value: g.urn });`,
    ],
  },
  {
    name: "stack-outputs",
    programs: [
      `out("a", 1); out("b", { x: [1, { y: null }] }); out("c", undefined); out("gone", "x");`,
      `out("a", 2); out("b", { x: [1, { y: 2 }] }); out("new", [pulumi.secret("s")]);`,
    ],
  },
  {
    name: "read",
    toTheEnd: true,
    programs: [
      `const x = thing("x", { value: 9 }, { id: "ext-1" }); thing("b", { value: x.value }); thing("own", { value: 1 });`,
      `const x = thing("x", { value: 9 }, { id: "ext-1" }); thing("b", { value: x.value }); thing("own", { value: 1 }, { id: "ext-2" });`,
      `const x = thing("x", { value: 9 }, { id: "ext-1" }); thing("own", { value: 1 });`,
      `thing("x", { value: 9 }); thing("own", { value: 1 }, { id: "ext-2" });`,
    ],
  },
  {
    name: "new-name",
    programs: [`thing("before", { value: 1 });`, `thing("after", { value: 1 });`],
  },
  {
    name: "resource-reference",
    programs: [1, 2].map((value) => {
      return `const a = thing("a", { value: ${value} }); thing("b", { other: a, list: [a] });`;
    }) as [string, string],
  },
  {
    name: "function",
    programs: [
      `const a = thing("a", { value: 1 }); out("known", pulumi.runtime.invoke("demo:index:echo", { x: 1 }));
       out("later", a.computed.apply((x) => pulumi.runtime.invoke("demo:index:echo", { x })));`,
    ],
  },
  {
    name: "refresh",
    toTheEnd: true,
    programs: [
      `thing("changed", { value: 1 }); thing("gone", { value: 1 }); thing("computed", { value: 1 }); thing("same", { value: 1 });
       thing("unhealthy", { value: 1 }); thing("secret", { token: pulumi.secret("hush") }, { additionalSecretOutputs: ["computed"] });
       thing("detailed", { value: 1, detailed: true }); thing("ignoring", { value: 1 }, { ignoreChanges: ["value"] });`,
    ],
  },
  {
    name: "refresh-orphans",
    toTheEnd: true,
    programs: [
      `const a = thing("a", {}); thing("child", {}, { parent: a }); thing("user", { value: a.id }); thing("with", {}, { deletedWith: a });`,
    ],
  },
];
