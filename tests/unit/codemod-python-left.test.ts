import assert from "node:assert/strict";

import type { ClientRules } from "../../codemod/rules";
import { migrated, ownRules, placesOf } from "./codemod-cases";

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
    ["2: left as it is, together with line 3", "3: 'URGENT' is used here, too, and not known to be OctoLLM's here"],
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
    ["1: a syntax error, or syntax that is too new: left as it is"],
  ],
  [
    "a constant that a call of the new release reads, too",
    `URGENT = 5
requests.post("http://localhost:8000/api/v1/tasks", json={"priority": URGENT})
requests.post("http://localhost:8000/tasks", json={"priority": URGENT})`,
    ["2: 'URGENT' is used here, too, and not known to be OctoLLM's here", "3: left as it is, together with line 2"],
  ],
  [
    "a path that is put behind other addresses, too",
    `TASKS = "/tasks"
requests.get("http://localhost:8000" + TASKS)
requests.get("https://tracker.example.com" + TASKS)`,
    [
      "2: left as it is, together with line 3",
      "3: whether this address is OctoLLM's is not known: …/tasks",
      "3: 'TASKS' is used here, too, and not known to be OctoLLM's here",
    ],
  ],
  [
    "a client of the SDK, where calls of another class may be made with it",
    `from octollm import Client
class Base:
    def __init__(self):
        self.client = Client(base_url="http://localhost:8000")
class Worker(Base):
    def run(self):
        self.client.tasks.create(description="x", priority=3)`,
    ["4: left as it is, together with line 7", "7: whether this 'priority' goes to OctoLLM is not known"],
  ],
  [
    "comparisons that are more than equality",
    `task = requests.get("http://localhost:8000/api/v1/tasks/1").json()
if task["priority"] >= 3 or task["priority"] in (1, 2):
    pass`,
    [
      "2: whether this 'priority' goes to OctoLLM is not known",
      "2: whether this 'priority' goes to OctoLLM is not known",
    ],
  ],
  [
    "an address that the environment may replace, with numbers nearby",
    `url = os.environ.get("OCTOLLM_TASKS", "http://localhost:8000/tasks")
requests.post(url, json={"priority": 3})`,
    ["1: left as it is, together with line 2", "2: whether this 'priority' goes to OctoLLM is not known"],
  ],
  [
    "a function of the program's own that takes the address and a number",
    `submit("http://localhost:8000/tasks", 3)`,
    ["1: what this number means to the function is not known"],
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

describe("the codemod, where it cannot tell in Python", () => {
  let rules: ClientRules[];
  before(async () => {
    rules = await ownRules();
  });

  for (const [title, text, places] of left)
    it(`leaves ${title}, and says so`, () => {
      const result = migrated({ "a.py": text }, rules);
      assert.deepEqual([...result.changed], []);
      assert.deepEqual(placesOf(result, "a.py"), places);
    });
});
