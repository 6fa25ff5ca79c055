import assert from "node:assert/strict";

import type { EnvironmentChange } from "../../releases/release";
import { down, up } from "./compose-cases";

const cache: EnvironmentChange[] = [
  { kind: "add", key: "CACHE_L1_SIZE", default: "1000" },
  { kind: "add", key: "CACHE_L2_ENABLED", from: "CACHE_ENABLED", default: "true" },
  { kind: "add", key: "CACHE_L2_TTL", from: "CACHE_TTL", default: "3600" },
  { kind: "deprecate", key: "CACHE_ENABLED" },
  { kind: "deprecate", key: "CACHE_TTL" },
];
const ttl: EnvironmentChange[] = [
  { kind: "add", key: "CACHE_L2_TTL", from: "CACHE_TTL", default: "3600" },
  { kind: "deprecate", key: "CACHE_TTL" },
];
const rename: EnvironmentChange[] = [{ kind: "rename", key: "CACHE_TTL", to: "CACHE_SECONDS" }];
const remove: EnvironmentChange[] = [{ kind: "remove", key: "CACHE_TTL" }];
const url: EnvironmentChange[] = [
  { kind: "url-path", key: "WEBHOOK_URL", suffix: "/webhook", replacement: "/v1/webhook" },
];

/** A compose file with one service, whose `environment` has these lines. */
const service = (...lines: string[]) =>
  `services:\n  api:\n    image: x\n    environment:\n${lines.map((line) => `      ${line}\n`).join("")}    restart: always\n`;
const block = (...lines: string[]) => ["# >>> OctoLLM 2.0.0: added by the upgrade", ...lines, "# <<< OctoLLM 2.0.0"];
const hidden = (line: string) => `# [octollm 2.0.0] ${line}`;

interface Case {
  readonly title: string;
  readonly changes: readonly EnvironmentChange[];
  readonly env?: string;
  readonly before: string;
  readonly after: string;
}

/** What sed and grep, or a YAML library that writes the file anew, would do wrong: before, and after. */
const cases: readonly Case[] = [
  {
    title: "a value goes over to the new name, with its quotes and without its comment",
    changes: ttl,
    before: service("A: 1", "CACHE_TTL: '60'   # seconds", "B:   2"),
    after: service("A: 1", hidden("CACHE_TTL: '60'   # seconds"), "B:   2", ...block("CACHE_L2_TTL: '60'")),
  },
  {
    title: "a reference refers to the new variable of .env",
    changes: ttl,
    env: "CACHE_TTL=60\n",
    before: service("A: 1", "CACHE_TTL: ${CACHE_TTL:-5}"),
    after: service("A: 1", hidden("CACHE_TTL: ${CACHE_TTL:-5}"), ...block("CACHE_L2_TTL: ${CACHE_L2_TTL:-5}")),
  },
  {
    title: "a default that counted goes on to count: .env gets one of its own for the new variable",
    changes: ttl,
    before: service("A: 1", "CACHE_TTL: ${CACHE_TTL:-5}"),
    after: service("A: 1", hidden("CACHE_TTL: ${CACHE_TTL:-5}"), ...block("CACHE_L2_TTL: 5")),
  },
  {
    title: "where the variable was empty, the old release ran on its default, and so does the new one",
    changes: ttl,
    env: "CACHE_TTL=60\n",
    before: service('A: "1"', 'CACHE_TTL: ""'),
    after: service('A: "1"', hidden('CACHE_TTL: ""'), ...block('CACHE_L2_TTL: "3600"')),
  },
  {
    title: "a list keeps its dashes and the quotes around name and value",
    changes: ttl,
    env: "CACHE_TTL=60\n",
    before: service("-   A=1", '-   "CACHE_TTL=${CACHE_TTL}"  # s'),
    after: service(
      "-   A=1",
      hidden('-   "CACHE_TTL=${CACHE_TTL}"  # s'),
      ...block('-   "CACHE_L2_TTL=${CACHE_L2_TTL}"'),
    ),
  },
  {
    title: "a name alone passes the new variable on",
    changes: ttl,
    env: "CACHE_TTL=60\n",
    before: service("- A", "- CACHE_TTL"),
    after: service("- A", hidden("- CACHE_TTL"), ...block("- CACHE_L2_TTL")),
  },
  {
    title: "a name alone in a mapping passes the new variable on",
    changes: ttl,
    env: "CACHE_TTL=60\n",
    before: service("A:", "CACHE_TTL:   # from .env"),
    after: service("A:", hidden("CACHE_TTL:   # from .env"), ...block("CACHE_L2_TTL:")),
  },
  {
    title: "what is added without a source stands beside what it belongs to, and refers to .env",
    changes: cache,
    before: service("CACHE_ENABLED: 'false'"),
    after: service(
      hidden("CACHE_ENABLED: 'false'"),
      ...block("CACHE_L2_ENABLED: 'false'", "CACHE_L1_SIZE: ${CACHE_L1_SIZE}"),
    ),
  },
  {
    title: "longer names, comments, values of several lines and other keys are no such variable",
    changes: ttl,
    before: service(
      "REFLEX_CACHE_TTL: 1",
      "# CACHE_TTL: 2",
      "CACHE_TTL_X: 3",
      "NOTE: |",
      "  CACHE_TTL: 4",
      "  # [octollm 2.0.0] CACHE_TTL: 5",
      "OTHER: >-",
      "  CACHE_TTL=6",
    ),
    after: service(
      "REFLEX_CACHE_TTL: 1",
      "# CACHE_TTL: 2",
      "CACHE_TTL_X: 3",
      "NOTE: |",
      "  CACHE_TTL: 4",
      "  # [octollm 2.0.0] CACHE_TTL: 5",
      "OTHER: >-",
      "  CACHE_TTL=6",
    ),
  },
  {
    title: "a value of several lines becomes a comment of several lines",
    changes: [{ kind: "deprecate", key: "CACHE_TTL" }],
    before: service("CACHE_TTL: |-", "  6", "", "    0", "A: 1"),
    after: service(hidden("CACHE_TTL: |-"), hidden("  6"), hidden(""), hidden("    0"), "A: 1"),
  },
  {
    title: "a renamed variable keeps its place, value and comment",
    changes: rename,
    env: "CACHE_TTL=7\n",
    before: service('CACHE_TTL: "${CACHE_TTL}s"  # note', "A: 1"),
    after: service(hidden('CACHE_TTL: "${CACHE_TTL}s"  # note'), 'CACHE_SECONDS: "${CACHE_SECONDS}s"  # note', "A: 1"),
  },
  {
    title: "a renamed variable in a list keeps its quotes",
    changes: rename,
    before: service("- 'CACHE_TTL=it''s'  # note", "- A=1"),
    after: service(hidden("- 'CACHE_TTL=it''s'  # note"), "- 'CACHE_SECONDS=it''s'  # note", "- A=1"),
  },
  {
    title: "a new name that is set already counts",
    changes: rename,
    before: service("CACHE_SECONDS: 1", "CACHE_TTL: 2"),
    after: service("CACHE_SECONDS: 1", "CACHE_TTL: 2"),
  },
  {
    title: "a URL's path changes where it is written, and stays where .env has it",
    changes: url,
    env: "WEBHOOK_URL=https://e.com/webhook\n",
    before: service('WEBHOOK_URL: "https://u:p@e.com:1/a/webhook?x=/webhook"', "A: ${WEBHOOK_URL}"),
    after: service(
      hidden('WEBHOOK_URL: "https://u:p@e.com:1/a/webhook?x=/webhook"'),
      'WEBHOOK_URL: "https://u:p@e.com:1/a/v1/webhook?x=/webhook"',
      "A: ${WEBHOOK_URL}",
    ),
  },
  {
    title: "a URL that is .env's own is not touched here",
    changes: url,
    env: "WEBHOOK_URL=https://e.com/webhook\n",
    before: service("- WEBHOOK_URL=${WEBHOOK_URL}"),
    after: service("- WEBHOOK_URL=${WEBHOOK_URL}"),
  },
  {
    title: "what means something to sed and the shell is copied as it is",
    changes: ttl,
    before: service("A: 1", "CACHE_TTL: '$$(id) `id` & \\1 / | # \"'"),
    after: service(
      "A: 1",
      hidden("CACHE_TTL: '$$(id) `id` & \\1 / | # \"'"),
      ...block("CACHE_L2_TTL: '$$(id) `id` & \\1 / | # \"'"),
    ),
  },
  {
    title: "a removed variable is found by no search for it",
    changes: remove,
    before: service("A: 1", "CACHE_TTL: 60  # s"),
    after: service("A: 1", `# [octollm 2.0.0: removed] ${Buffer.from("      CACHE_TTL: 60  # s").toString("base64")}`),
  },
];

describe("a release's changes of a compose file", () => {
  for (const { title, changes, env = "", before, after } of cases)
    it(`${title}; twice is once, and the way back gives the old bytes`, () => {
      const moved = up(before, changes, env);
      assert.equal(moved.text, after);
      assert.deepEqual(moved.left, []);
      assert.equal(up(after, changes, env).text, after);
      assert.equal(down(after, changes), before);
      assert.equal(down(before, changes), before);
    });

  it("go on where .env was changed and the compose file was not", () => {
    const before = service("A: 1", "CACHE_TTL: ${CACHE_TTL:-5}");
    const { text } = up(before, ttl, "CACHE_TTL=60\n");
    assert.match(text, /CACHE_L2_TTL: \$\{CACHE_L2_TTL:-5\}/);
  });

  it("keep CRLF, a missing final newline, and a byte order mark", () => {
    const before = service("A: 1", "CACHE_TTL: 60").replace("    restart: always\n", "");
    for (const variant of [
      before.replaceAll("\n", "\r\n"),
      before.trimEnd(),
      `\ufeff${before}`,
      `\ufeff${before.replaceAll("\n", "\r\n").trimEnd()}`,
    ]) {
      const { text, services } = up(variant, ttl);
      assert.deepEqual(services.api, { A: "1", CACHE_L2_TTL: "60" });
      assert.equal(text.includes("\r\n"), variant.includes("\r\n"));
      assert.doesNotMatch(text.replaceAll("\r\n", ""), variant.includes("\r\n") ? /\n/ : /\r/);
      assert.equal(/\n$/.test(text), /\n$/.test(variant));
      assert.equal(down(text, ttl), variant);
    }
  });

  it("stand at an anchor once, and beside it only where a service has its own value", () => {
    const anchored =
      "x-env: &env\n  CACHE_TTL: 60\n  A: 1\nservices:\n  one:\n    environment: *env\n" +
      "  two:\n    environment:\n      <<: *env\n      CACHE_TTL: 5\n";
    const { text, services, left } = up(anchored, ttl);
    assert.deepEqual(services, {
      one: { A: "1", CACHE_L2_TTL: "60" },
      two: { A: "1", CACHE_L2_TTL: "5" },
    });
    assert.deepEqual(left, []);
    assert.equal(text.match(/CACHE_L2_TTL: /g)?.length, 2);
    assert.equal(down(text, ttl), anchored);
  });

  it("add to a service that the release names, and to none that gets its variables from .env", () => {
    const named: EnvironmentChange[] = [{ kind: "add", key: "NEW", default: "1", services: ["orchestrator"] }];
    const file = (more: string) =>
      `services:\n  first:\n    image: mirror:5000/octollm/orchestrator:1.0.0\n${more}    environment:\n      - A=1\n`;
    assert.match(up(file(""), named).text, /- A=1\n {6}# >>> .*\n {6}- NEW=\$\{NEW\}\n/);
    assert.equal(up(file("    env_file: .env\n"), named).text, file("    env_file: .env\n"));
    assert.equal(up(file("").replace("orchestrator", "other"), named).text, file("").replace("orchestrator", "other"));
  });
});

/** What nobody but the operator can do: the file, which stays, and what is said of it. */
const left: readonly [
  title: string,
  text: string,
  changes: readonly EnvironmentChange[],
  env: string,
  said: string[],
][] = [
  [
    "a mapping in one line",
    "services:\n  api:\n    environment: {CACHE_TTL: 60, A: 1}\n",
    ttl,
    "",
    ["api: CACHE_L2_TTL has to be what CACHE_TTL was"],
  ],
  [
    "a list in one line",
    'services:\n  api:\n    environment: ["WEBHOOK_URL=https://e.com/webhook"]\n',
    url,
    "",
    ["api: WEBHOOK_URL ends in /webhook and has to end in /v1/webhook"],
  ],
  [
    "a value whose anchor is used elsewhere",
    "services:\n  api:\n    environment:\n      CACHE_TTL: &ttl 60\n      A: *ttl\n",
    ttl,
    "",
    [
      "services.api.environment: CACHE_TTL: its line holds an anchor, or more than a value",
      "api: CACHE_L2_TTL has to be what CACHE_TTL was",
    ],
  ],
  [
    "the same variable twice",
    "services:\n  api:\n    environment:\n      - CACHE_TTL=1\n      - CACHE_TTL=2\n      - A=1\n",
    ttl,
    "",
    [
      "services.api.environment: CACHE_TTL: stands in it more than once",
      "api: CACHE_L2_TTL has to be what CACHE_TTL was",
    ],
  ],
  [
    "the only variable, when nothing takes its place",
    service("CACHE_TTL: 1"),
    [{ kind: "deprecate", key: "CACHE_TTL" }],
    "",
    ["services.api.environment: CACHE_TTL: nothing else would be left in it"],
  ],
  [
    "a URL in the default of a reference",
    "services:\n  api:\n    environment:\n      URL: ${WEBHOOK_URL:-https://e.com/webhook}\n      WEBHOOK_URL: ${OTHER:-https://e.com/webhook}\n",
    url,
    "",
    ["api: WEBHOOK_URL ends in /webhook and has to end in /v1/webhook"],
  ],
  [
    "another variable, and another key, that refer to what leaves .env",
    "services:\n  api:\n    command: run ${CACHE_TTL:-1}\n    environment:\n      A: ${CACHE_TTL}\n",
    ttl,
    "CACHE_TTL=60\n",
    [
      "api: A refers to a variable that the upgrade takes out of .env, and gets another value",
      "services.api.command: refers to CACHE_TTL, which the upgrade takes out of .env",
    ],
  ],
];

describe("what a release cannot change in a compose file", () => {
  for (const [title, text, changes, env, said] of left)
    it(`is left as it is, and named: ${title}`, () => {
      const moved = up(text, changes, env);
      assert.equal(moved.text, text);
      assert.deepEqual(moved.left, said);
    });
});

describe("the way back of a compose file", () => {
  const before = service("A: 1", "CACHE_TTL: 60", "WEBHOOK_URL: https://e.com/webhook");
  const all = [...ttl, ...url];
  const after = up(before, all).text;

  it("keeps what the operator wrote since, in the block and elsewhere", () => {
    const edited = after
      .replace("CACHE_L2_TTL: 60", "CACHE_L2_TTL: 90\n      MINE: 2 # mine")
      .replace("A: 1", "A: 1\n      LATE: 3");
    assert.equal(
      down(edited, all),
      service(
        "A: 1",
        "LATE: 3",
        "CACHE_TTL: 60",
        "WEBHOOK_URL: https://e.com/webhook",
        "CACHE_L2_TTL: 90",
        "MINE: 2 # mine",
      ),
    );
  });

  it("turns an edited URL back, and keeps the older one as a comment", () => {
    const edited = after.replace("WEBHOOK_URL: https://e.com/v1/webhook", "WEBHOOK_URL: https://new.com/v1/webhook");
    assert.equal(
      down(edited, all),
      service("A: 1", "CACHE_TTL: 60", "# WEBHOOK_URL: https://e.com/webhook", "WEBHOOK_URL: https://new.com/webhook"),
    );
  });

  it("does nothing to comments that only look like ours", () => {
    const foreign = service(
      "A: 1",
      "# [octollm 2.0.0] OTHER: 1",
      "# [octollm 2.0.0: removed] QQ==",
      "# [octollm 1.0.0] CACHE_TTL: 1",
    );
    assert.equal(down(foreign, all), foreign);
  });
});

describe("the diff of a compose file", () => {
  it("names the place, shows references, and masks what sounds secret", () => {
    const keys: EnvironmentChange[] = [
      { kind: "rename", key: "API_KEY", to: "OPENAI_API_KEY" },
      { kind: "rename", key: "TOKEN", to: "GIT_TOKEN" },
      ...url,
    ];
    const text = service("API_KEY: sk-1", "TOKEN: ${TOKEN}", "WEBHOOK_URL: https://e.com/s3cret/webhook");
    assert.deepEqual(up(text, keys, "TOKEN=t\n").lines, [
      "@@ services.api.environment @@",
      "- API_KEY: ***",
      "+ # [octollm 2.0.0] API_KEY: ***",
      "+ OPENAI_API_KEY: ***",
      "- TOKEN: ${TOKEN}",
      "+ # [octollm 2.0.0] TOKEN: ${TOKEN}",
      "+ GIT_TOKEN: ${GIT_TOKEN}",
      "- WEBHOOK_URL: https://e.com/…/webhook",
      "+ # [octollm 2.0.0] WEBHOOK_URL: https://e.com/…/webhook",
      "+ WEBHOOK_URL: https://e.com/…/v1/webhook",
    ]);
  });
});
