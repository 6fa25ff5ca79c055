import assert from "node:assert/strict";

import { parseSource } from "../../codemod/parse";
import type { ClientRules } from "../../codemod/rules";
import { migrated, ownRules, placesOf } from "./codemod-cases";

/** What it is, the code before, and after. */
const changed: readonly [title: string, before: string, after: string][] = [
  [
    "fetch with a template string",
    `const BASE = process.env.OCTOLLM_URL ?? "http://localhost:8000";
const r = await fetch(\`\${BASE}/tasks\`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ description, priority: 3 }),
});
const t = await fetch(\`\${BASE}/tasks/\${id}\`);`,
    `const BASE = process.env.OCTOLLM_URL ?? "http://localhost:8000";
const r = await fetch(\`\${BASE}/api/v1/tasks\`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ description, priority: 6 }),
});
const t = await fetch(\`\${BASE}/api/v1/tasks/\${id}\`);`,
  ],
  [
    "axios with a base URL, and what a test expects",
    `const api = axios.create({ baseURL: "http://localhost:8000" });
const created = await api.post("/tasks", { description: "q", "priority": 1 }, { timeout: 5 });
expect(created.data.priority).toBe(1);
if (created.data.priority === 1) await api.delete("/tasks/" + created.data.id);`,
    `const api = axios.create({ baseURL: "http://localhost:8000" });
const created = await api.post("/api/v1/tasks", { description: "q", "priority": 2 }, { timeout: 5 });
expect(created.data.priority).toBe(2);
if (created.data.priority === 2) await api.delete("/api/v1/tasks/" + created.data.id);`,
  ],
  [
    "axios with everything in one object",
    `axios({ method: "post", url: "http://localhost:8000/tasks", data: { priority: 5 } });`,
    `axios({ method: "post", url: "http://localhost:8000/api/v1/tasks", data: { priority: 10 } });`,
  ],
  [
    "new URL with a base",
    `const base = "http://octollm:8000";
await fetch(new URL("/tasks?limit=1", base));`,
    `const base = "http://octollm:8000";
await fetch(new URL("/api/v1/tasks?limit=1", base));`,
  ],
  [
    "a client of the SDK",
    `import { Client } from "octollm-sdk";
const client = new Client({ baseUrl: "http://localhost:8000" });
const task = await client.tasks.create({ description: "e", priority: 2 });`,
    `import { Client } from "octollm-sdk";
const client = new Client({ baseUrl: "http://localhost:8000/api/v1" });
const task = await client.tasks.create({ description: "e", priority: 4 });`,
  ],
  [
    "a client of the SDK by require",
    `const { Client: Octo } = require("octollm-sdk");
const client = new Octo({ baseURL: 'http://localhost:8000' });
client.tasks.create({ priority: 1 }).then((task) => use(task));`,
    `const { Client: Octo } = require("octollm-sdk");
const client = new Octo({ baseURL: 'http://localhost:8000/api/v1' });
client.tasks.create({ priority: 2 }).then((task) => use(task));`,
  ],
  [
    "a class with a private field",
    `class Tasks {
  private readonly url = "http://localhost:8000";
  async urgent(): Promise<void> {
    await fetch(this.url + "/tasks", { method: "POST", body: JSON.stringify({ priority: 5 }) });
  }
}`,
    `class Tasks {
  private readonly url = "http://localhost:8000";
  async urgent(): Promise<void> {
    await fetch(this.url + "/api/v1/tasks", { method: "POST", body: JSON.stringify({ priority: 10 }) });
  }
}`,
  ],
];

const left: readonly [title: string, text: string, places: string[]][] = [
  [
    "a priority that is given from outside",
    `const send = (priority: number) =>
  fetch("http://localhost:8000/tasks", { method: "POST", body: JSON.stringify({ priority }) });`,
    ["2: 'priority' is no number here, but comes from elsewhere"],
  ],
  [
    "a body that is spread from elsewhere",
    `fetch("http://localhost:8000/tasks", { method: "POST", body: JSON.stringify({ ...task, id }) });`,
    ["1: what is sent is put together elsewhere"],
  ],
  [
    "a wrapper's path",
    `const api = new Api(process.env.OCTOLLM_URL);
api.send("/tasks", { priority: 3 });`,
    ["2: whose /tasks this is, is not known", "2: whether this 'priority' goes to OctoLLM is not known"],
  ],
  [
    "an SDK client whose address is set elsewhere",
    `import { Client } from "octollm-sdk";
const client = new Client({ baseUrl: process.env.OCTOLLM_URL });
client.tasks.create({ priority: 3 });`,
    ["2: this client's base_url may or may not end in /api/v1 already", "3: left as it is, together with line 2"],
  ],
  [
    "uses of /execute",
    `await fetch("http://localhost:8000/execute", { method: "POST" });`,
    ["1: /execute is there no more"],
  ],
  [
    "a syntax error",
    `const a = {\nfetch("http://localhost:8000/tasks")`,
    ["1: a syntax error, or syntax that is too new: left as it is"],
  ],
  [
    "other people's code",
    `// http://localhost:8000/tasks with priority: 3
app.get("/tasks", (request, response) => response.json([]));
router.push("/tasks");
queue.add({ name: "mail", priority: 3 });
type Path = "/tasks";`,
    [],
  ],
];

describe("the codemod, on JavaScript and TypeScript", () => {
  let rules: ClientRules[];
  before(async () => {
    rules = await ownRules();
  });

  for (const [title, before, after] of changed)
    it(`changes ${title}, and a second run changes nothing`, () => {
      const first = migrated({ "a.ts": before }, rules);
      assert.equal(first.changed.get("a.ts"), after);
      assert.deepEqual(placesOf(first, "a.ts"), []);
      const second = migrated({ "a.ts": after }, rules);
      assert.deepEqual([...second.changed], []);
      assert.deepEqual(second.places, []);
      parseSource("a.ts", after);
    });

  for (const [title, text, places] of left)
    it(`leaves ${title}, and says so`, () => {
      const result = migrated({ "a.ts": text }, rules);
      assert.deepEqual([...result.changed], []);
      assert.deepEqual(placesOf(result, "a.ts"), places);
    });

  it("reads JSX, and modules in other files", () => {
    const { changed: files, places } = migrated(
      {
        "src/config.ts": 'export const BASE = "http://localhost:8000";\n',
        "src/List.jsx":
          'import { BASE } from "./config";\nexport const List = () => <Show load={() => fetch(`${BASE}/tasks`)} />;\n',
        "src/old.cjs": 'const { BASE } = require("./config.js");\nfetch(BASE + "/tasks");\n',
      },
      rules,
    );
    assert.deepEqual(places, []);
    assert.deepEqual([...files.keys()], ["src/List.jsx", "src/old.cjs"]);
    assert.match(files.get("src/List.jsx") ?? "", /\$\{BASE\}\/api\/v1\/tasks/);
  });
});
