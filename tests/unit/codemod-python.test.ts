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
  [
    "one of two numbers, and constants of a class",
    `class Level:
    HIGH = 5
requests.post("http://localhost:8000/tasks", json={"priority": 4 if urgent else 1})
requests.post("http://localhost:8000/tasks", json={"priority": Level.HIGH} if a else {"priority": Level.HIGH})`,
    `class Level:
    HIGH = 10
requests.post("http://localhost:8000/api/v1/tasks", json={"priority": 8 if urgent else 2})
requests.post("http://localhost:8000/api/v1/tasks", json={"priority": Level.HIGH} if a else {"priority": Level.HIGH})`,
  ],
  [
    "urljoin, a helper without arguments, and a path with a name of its own",
    `BASE = "http://localhost:8000"
TASKS = "/tasks"
url = urljoin(BASE, "/tasks")
def address():
    return f"{BASE}{TASKS}"
requests.post(url, json={"priority": 1})
requests.post(address(), json={"priority": 2})`,
    `BASE = "http://localhost:8000"
TASKS = "/api/v1/tasks"
url = urljoin(BASE, "/api/v1/tasks")
def address():
    return f"{BASE}{TASKS}"
requests.post(url, json={"priority": 2})
requests.post(address(), json={"priority": 4})`,
  ],
  [
    "a client that a function makes for the whole module",
    `from octollm import Client
client = None
def connect():
    global client
    client = Client(base_url="http://localhost:8000")
def send(task):
    client.tasks.update(task.id, priority=4)`,
    `from octollm import Client
client = None
def connect():
    global client
    client = Client(base_url="http://localhost:8000/api/v1")
def send(task):
    client.tasks.update(task.id, priority=8)`,
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
