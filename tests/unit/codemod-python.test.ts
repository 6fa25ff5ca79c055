import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

import type { ClientRules } from "../../codemod/rules";
import { migrated, ownRules, placesOf } from "./codemod-cases";

/** What it is, the code before, and after. */
const changed: readonly [title: string, before: string, after: string][] = [
  [
    "the guide's request",
    `response = await client.post(
    "http://localhost:8000/tasks",
    json={"description": "...", "priority": 3}
)`,
    `response = await client.post(
    "http://localhost:8000/api/v1/tasks",
    json={"description": "...", "priority": 6}
)`,
  ],
  [
    "the guide's client of the SDK",
    `from octollm import Client

client = Client(base_url="http://localhost:8000")

# Submit task
task = client.tasks.create(
    description="Write Python code",
    priority=3  # 1-5 scale
)

# Get status
status = client.tasks.get(task.id)`,
    `from octollm import Client

client = Client(base_url="http://localhost:8000/api/v1")

# Submit task
task = client.tasks.create(
    description="Write Python code",
    priority=6  # 1-5 scale
)

# Get status
status = client.tasks.get(task.id)`,
  ],
  [
    "requests, with a constant and an f-string",
    `BASE = "http://localhost:8000"
r = requests.post(f"{BASE}/tasks", json={"priority": 1}, timeout=5)
t = requests.get(f"{BASE}/tasks/{r.json()['id']}?full=1").json()
h = requests.get(f"{BASE}/health")`,
    `BASE = "http://localhost:8000"
r = requests.post(f"{BASE}/api/v1/tasks", json={"priority": 2}, timeout=5)
t = requests.get(f"{BASE}/api/v1/tasks/{r.json()['id']}?full=1").json()
h = requests.get(f"{BASE}/health")`,
  ],
  [
    "a variable of the environment with OctoLLM's name",
    `url = os.environ["OCTOLLM_URL"]
requests.post(url + "/tasks", json=dict(description="d", priority=5))`,
    `url = os.environ["OCTOLLM_URL"]
requests.post(url + "/api/v1/tasks", json=dict(description="d", priority=10))`,
  ],
  [
    "httpx with a base URL, in a with statement",
    `async with httpx.AsyncClient(base_url="http://127.0.0.1:8000", timeout=3) as c:
    await c.post("/tasks", json={"priority": 2})
    await c.request("PATCH", "/tasks/1", json={"priority": 4})
    await c.delete("/tasks/1")`,
    `async with httpx.AsyncClient(base_url="http://127.0.0.1:8000", timeout=3) as c:
    await c.post("/api/v1/tasks", json={"priority": 4})
    await c.request("PATCH", "/api/v1/tasks/1", json={"priority": 8})
    await c.delete("/api/v1/tasks/1")`,
  ],
  [
    "aiohttp",
    `async with aiohttp.ClientSession("http://orchestrator:8000") as session:
    async with session.post("/tasks", json={"description": "x", "priority": 3}) as r:
        pass`,
    `async with aiohttp.ClientSession("http://orchestrator:8000") as session:
    async with session.post("/api/v1/tasks", json={"description": "x", "priority": 6}) as r:
        pass`,
  ],
  [
    "an address and a priority that are constants",
    `TASKS_URL = "http://octollm.example.com/tasks"
URGENT = 5
requests.post(TASKS_URL, json={"priority": URGENT})
requests.post(url=TASKS_URL, data=json.dumps({"priority": 1}))`,
    `TASKS_URL = "http://octollm.example.com/api/v1/tasks"
URGENT = 10
requests.post(TASKS_URL, json={"priority": URGENT})
requests.post(url=TASKS_URL, data=json.dumps({"priority": 2}))`,
  ],
  [
    "a body with a name, changed before it is sent",
    `def send():
    body = {"description": "x"}
    body["priority"] = 4
    return requests.post("http://localhost:8000/tasks", json=body)`,
    `def send():
    body = {"description": "x"}
    body["priority"] = 8
    return requests.post("http://localhost:8000/api/v1/tasks", json=body)`,
  ],
  [
    "a class that keeps the address, and a method that sends",
    `class Tasks:
    def __init__(self, base_url="http://localhost:8000"):
        self.base_url = base_url
    def urgent(self):
        return requests.post(f"{self.base_url}/tasks", json={"priority": 5})`,
    `class Tasks:
    def __init__(self, base_url="http://localhost:8000"):
        self.base_url = base_url
    def urgent(self):
        return requests.post(f"{self.base_url}/api/v1/tasks", json={"priority": 10})`,
  ],
  [
    "pytest: a fixture's client, and what a test expects",
    `@pytest.fixture
def api():
    with httpx.Client(base_url="http://localhost:8000") as client:
        yield client

def test_create(api):
    response = api.post("/tasks", json={"description": "d", "priority": 3})
    task = response.json()
    assert task["priority"] == 3
    assert task.get("priority") != 1
    assert api.get(f"/tasks/{task['id']}").json()["priority"] == 3`,
    `@pytest.fixture
def api():
    with httpx.Client(base_url="http://localhost:8000") as client:
        yield client

def test_create(api):
    response = api.post("/api/v1/tasks", json={"description": "d", "priority": 6})
    task = response.json()
    assert task["priority"] == 6
    assert task.get("priority") != 2
    assert api.get(f"/api/v1/tasks/{task['id']}").json()["priority"] == 6`,
  ],
  [
    "an SDK client behind a constant that other addresses need, too",
    `import octollm
HOST = "http://localhost:8000"
client = octollm.Client(base_url=HOST)
assert requests.get(HOST + "/health").ok
job = client.tasks.create(description="x", priority=2)
assert job.priority == 2`,
    `import octollm
HOST = "http://localhost:8000"
client = octollm.Client(base_url=HOST + "/api/v1")
assert requests.get(HOST + "/health").ok
job = client.tasks.create(description="x", priority=4)
assert job.priority == 4`,
  ],
  [
    "an SDK client that a class keeps",
    `from octollm_sdk import Client as Octo
class Worker:
    def __init__(self):
        self.client = Octo(base_url="http://localhost:8000/")
    async def run(self):
        await self.client.tasks.create(description="x", priority=1)`,
    `from octollm_sdk import Client as Octo
class Worker:
    def __init__(self):
        self.client = Octo(base_url="http://localhost:8000/api/v1/")
    async def run(self):
        await self.client.tasks.create(description="x", priority=2)`,
  ],
];

/** What it is, the code, and what is said of it; nothing is changed. */
const left: readonly [title: string, text: string, places: string[]][] = [
  [
    "a priority that a caller gives",
    `def submit(text, priority):
    return requests.post("http://localhost:8000/tasks", json={"text": text, "priority": priority})`,
    ["2: 'priority' is no number here, but comes from elsewhere"],
  ],
  [
    "a body that is put together elsewhere",
    `requests.post("http://localhost:8000/tasks", json=task.dict())`,
    ["1: what is sent is put together elsewhere"],
  ],
  [
    "arguments that are handed through",
    `requests.post("http://localhost:8000/tasks", **options)`,
    ["1: what is sent is put together elsewhere"],
  ],
  [
    "a priority outside the old scale: somebody was here before",
    `requests.post("http://localhost:8000/tasks", json={"priority": 8})`,
    ["1: 'priority' is 8, which is outside the old scale"],
  ],
  [
    "JSON as text",
    `requests.post("http://localhost:8000/tasks", data='{"priority": 3}')`,
    ["1: 'priority' in a text that is sent as it is"],
  ],
  [
    "a priority inside of another value",
    `requests.post("http://localhost:8000/tasks", json={"meta": {"priority": 3}})`,
    ["1: 'priority' inside of another value may mean something else"],
  ],
  [
    "a constant that something else reads, too",
    `URGENT = 5
requests.post("http://localhost:8000/tasks", json={"priority": URGENT})
queue.push(job, URGENT)`,
    ["2: left as it is, together with line 3", "3: 'URGENT' is used here for what is not known to go to OctoLLM"],
  ],
  [
    "a path behind a part that is not known",
    `requests.get(f"{os.environ['OCTOLLM_URL']}{prefix}/tasks")`,
    ["1: the path is put together from parts that are not all known"],
  ],
  [
    "an address of which nobody says whose it is",
    `requests.post("https://tracker.example.com/tasks", json={"priority": 3})`,
    [
      "1: whether this address is OctoLLM's is not known: …/tasks",
      "1: whether this 'priority' goes to OctoLLM is not known",
    ],
  ],
  [
    "a client of which nobody says whose it is",
    `def test_create(client):
    client.post("/tasks", json={"description": "d"})`,
    ["2: whose /tasks this is, is not known"],
  ],
  [
    "an SDK client whose address is set elsewhere",
    `from octollm import Client
client = Client(base_url=os.environ["OCTOLLM_URL"])
client.tasks.create(description="x", priority=3)`,
    ["2: this client's base_url may or may not end in /api/v1 already", "3: left as it is, together with line 2"],
  ],
  [
    "an SDK client that is handed on, with priorities that nobody can follow",
    `from octollm import Client
def run(c):
    c.tasks.create(description="x", priority=3)
client = Client(base_url="http://localhost:8000")
run(client)`,
    ["3: whether this 'priority' goes to OctoLLM is not known", "4: left as it is, together with line 3"],
  ],
  [
    "uses of /execute",
    `requests.post("http://localhost:8000/execute", json={"priority": 3})`,
    ["1: /execute is there no more", "1: whether this 'priority' goes to OctoLLM is not known"],
  ],
  [
    "a syntax error",
    `def f(:\n    requests.get("http://localhost:8000/tasks")`,
    ["1: a syntax error: the file is left as it is"],
  ],
  [
    "other people's code",
    `"""See /tasks: priority=3."""
# http://localhost:8000/tasks with priority 3
print("GET /tasks and POST /execute, see the guide")
celery.send(task, priority=3)
@app.get("/tasks")
def tasks(priority: int = 3): ...`,
    [],
  ],
];

describe("the codemod, on Python", () => {
  let rules: ClientRules[];
  before(async () => {
    rules = await ownRules();
  });

  for (const [title, before, after] of changed)
    it(`changes ${title}, and a second run changes nothing`, () => {
      const first = migrated({ "a.py": before }, rules);
      assert.equal(first.changed.get("a.py"), after);
      assert.deepEqual(placesOf(first, "a.py"), []);
      const second = migrated({ "a.py": after }, rules);
      assert.deepEqual([...second.changed], []);
      assert.deepEqual(placesOf(second, "a.py"), []);
    });

  for (const [title, text, places] of left)
    it(`leaves ${title}, and says so`, () => {
      const result = migrated({ "a.py": text }, rules);
      assert.deepEqual([...result.changed], []);
      assert.deepEqual(placesOf(result, "a.py"), places);
    });

  it("writes what Python compiles", function () {
    if (spawnSync("python3", ["--version"]).status !== 0) return this.skip();
    const texts = changed.map(([, before]) => migrated({ "a.py": before }, rules).changed.get("a.py"));
    // 0x2000: await outside of functions, as the guide's snippets have it.
    const check = "import json, sys\nfor text in json.load(sys.stdin): compile(text, 'a.py', 'exec', 0x2000)";
    const { status, stderr } = spawnSync("python3", ["-c", check], { input: JSON.stringify(texts), encoding: "utf8" });
    assert.equal(status, 0, stderr);
  });

  it("follows constants, clients and fixtures into other files of the folder", () => {
    const result = migrated(
      {
        "app/config.py": 'BASE = "http://localhost:8000"\nTASKS = BASE + "/tasks"\n',
        "app/send.py":
          'from .config import BASE, TASKS as T\nimport app.config as c\nrequests.post(T, json={"priority": 1})\nrequests.get(c.BASE + "/tasks")\n',
        "tests/conftest.py": '@pytest.fixture\ndef api():\n    return httpx.Client(base_url="http://localhost:8000")\n',
        "tests/unit/test_a.py": 'def test_a(api):\n    api.post("/tasks", json={"priority": 2})\n',
      },
      rules,
    );
    assert.deepEqual(result.places, []);
    assert.deepEqual(Object.fromEntries(result.changed), {
      "app/config.py": 'BASE = "http://localhost:8000"\nTASKS = BASE + "/api/v1/tasks"\n',
      "app/send.py":
        'from .config import BASE, TASKS as T\nimport app.config as c\nrequests.post(T, json={"priority": 2})\nrequests.get(c.BASE + "/api/v1/tasks")\n',
      "tests/unit/test_a.py": 'def test_a(api):\n    api.post("/api/v1/tasks", json={"priority": 4})\n',
    });
  });

  it("takes an address that it is told for OctoLLM's", async () => {
    const text = 'requests.post("https://ai.example.com/tasks", json={"priority": 3})';
    const result = migrated({ "a.py": text }, await ownRules(["https://ai.example.com/"]));
    assert.equal(result.changed.get("a.py"), text.replace("/tasks", "/api/v1/tasks").replace("3", "6"));
    await assert.rejects(ownRules(["ai.example.com"]), /'ai\.example\.com' is no base URL.*Nothing was touched/);
  });
});
