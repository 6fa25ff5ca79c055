import assert from "node:assert/strict";

import { bodyOf, type Message } from "../../notify/message";
import { type NotifyTarget, send } from "../../notify/send";
import { Announcer } from "../../phases/telling";
import { Webhook } from "../support/webhook";

const ended: Message = {
  event: "failure",
  stack: "prod",
  host: "octo-1",
  attempt: 3,
  plan: "0123456789ab",
  direction: "up",
  from: "0.1.0",
  to: "1.0.0",
  outcome: "failed",
  startedAt: "2026-03-29T02:14:33.000Z",
  finishedAt: "2026-03-29T02:15:15.000Z",
  seconds: 42.3,
  downtimeSeconds: 40.6,
  text: "OctoLLM 0.1.0 → 1.0.0 failed: attempt 3 of stack prod on octo-1.",
  detail: "Backup failed: <disk> is full & *done*\nNothing was touched.",
  report: "/srv/octollm/reports/20260329T021433Z-0.1.0-1.0.0-attempt3.html",
};
const begun: Message = {
  ...ended,
  event: "start",
  outcome: null,
  finishedAt: null,
  seconds: null,
  downtimeSeconds: null,
  text: "OctoLLM 0.1.0 → 1.0.0 begins: attempt 3 of stack prod on octo-1.",
  detail: null,
  report: null,
};

describe("a message to a webhook", () => {
  it("is the facts themselves in the generic shape", () => {
    assert.deepEqual(bodyOf("generic", ended), ended);
  });

  it("is one text in Slack's shape, in which nothing calls a channel or makes a link", () => {
    assert.deepEqual(bodyOf("slack", ended), {
      text: [
        "❌ OctoLLM 0.1.0 → 1.0.0 failed: attempt 3 of stack prod on octo-1.",
        "```",
        "Backup failed: &lt;disk&gt; is full &amp; *done*\nNothing was touched.",
        "```",
        "Report: /srv/octollm/reports/20260329T021433Z-0.1.0-1.0.0-attempt3.html",
      ].join("\n"),
    });
    assert.deepEqual(bodyOf("slack", begun), {
      text: "▶️ OctoLLM 0.1.0 → 1.0.0 begins: attempt 3 of stack prod on octo-1.",
    });
  });

  it("is one content in Discord's shape, in which nobody is mentioned and nothing is styled", () => {
    assert.deepEqual(bodyOf("discord", { ...begun, text: "@everyone *look* at _this_" }), {
      content: "▶️ @everyone \\*look\\* at \\_this\\_",
      allowed_mentions: { parse: [] },
    });
    assert.deepEqual(bodyOf("discord", ended), {
      content: [
        "❌ OctoLLM 0.1.0 → 1.0.0 failed: attempt 3 of stack prod on octo-1.",
        "```",
        "Backup failed: <disk> is full & *done*\nNothing was touched.",
        "```",
        "Report: /srv/octollm/reports/20260329T021433Z-0.1.0-1.0.0-attempt3.html",
      ].join("\n"),
      allowed_mentions: { parse: [] },
    });
  });

  it("stays within what Discord takes, and its detail cannot end the block that it stands in", () => {
    const detail = "``` @everyone ".repeat(1_000);
    for (const format of ["slack", "discord"] as const) {
      const [text = ""] = Object.values(bodyOf(format, { ...ended, detail })) as string[];
      assert.ok(text.length <= 2_000, String(text.length));
      assert.equal(text.split("```").length, 3);
      assert.match(text, /…\n```\nReport: /);
    }
  });
});

describe("sending to a webhook", function () {
  this.timeout(30_000);
  let hook: Webhook | undefined;
  afterEach(async () => {
    await hook?.stop();
    hook = undefined;
  });

  const target = (format: NotifyTarget["format"] = "generic"): NotifyTarget => {
    assert.ok(hook);
    return { url: hook.url(), format, events: ["start", "success", "failure"] };
  };

  it("posts JSON once", async () => {
    hook = await Webhook.start();
    assert.equal(await send(target("slack"), begun), null);
    assert.deepEqual(hook.deliveries, [
      { method: "POST", path: "/services/s3cr3t-h00k", type: "application/json", body: bodyOf("slack", begun) },
    ]);
  });

  it("tries once more what may pass by itself", async () => {
    hook = await Webhook.start((response, request) => response.writeHead(request === 1 ? 503 : 200).end("ok"));
    assert.equal(await send(target(), begun), null);
    assert.equal(hook.deliveries.length, 2);
  });

  for (const [name, status, requests, fault] of [
    ["an answer of 500", 500, 2, "it answered 500 (tried twice)"],
    ["too many requests", 429, 2, "it answered 429 (tried twice)"],
    ["a hook that is no more", 404, 1, "it answered 404"],
    ["a redirect", 302, 1, "it answered 302, and redirects are not followed"],
  ] as const)
    it(`gives up on ${name}, and says so without the URL`, async () => {
      hook = await Webhook.start((response) => response.writeHead(status, { location: "/elsewhere" }).end());
      assert.equal(await send(target(), begun), fault);
      assert.equal(hook.requests, requests);
      assert.ok(hook.deliveries.every(({ path }) => path === "/services/s3cr3t-h00k"));
    });

  it("gives up on one that refuses, and says so without the URL", async () => {
    hook = await Webhook.start();
    const gone = target();
    await hook.stop();
    hook = undefined;
    assert.equal(await send(gone, begun), "it cannot be reached (ECONNREFUSED) (tried twice)");
  });

  it("gives up on one that hangs after some seconds, whatever is still to be said", async () => {
    hook = await Webhook.start(() => undefined);
    const said: string[] = [];
    const announcer = new Announcer([target()]);
    const started = Date.now();
    announcer.announce(begun, (line) => said.push(line));
    announcer.announce({ ...ended, event: "success" }, (line) => said.push(line));
    assert.ok(Date.now() - started < 500, "the work waits for a webhook");
    await announcer.settled((line) => said.push(line));
    assert.ok(Date.now() - started < 9_000, "the end waits too long");
    assert.deepEqual(said, [
      "Webhook 1 of 'notify' (generic) was not told of the start: no answer within 2.5 s (tried twice). The upgrade does not depend on it.",
      "1 message to webhooks still on the way after 6 s.",
    ]);
  });

  it("tells each only what it asked for, in the order in which it happened", async () => {
    hook = await Webhook.start((response) => void setTimeout(() => response.writeHead(204).end(), 100));
    const announcer = new Announcer([
      { ...target(), events: ["failure"] },
      { ...target(), url: hook.url("/all") },
    ]);
    const said: string[] = [];
    announcer.announce(begun, (line) => said.push(line));
    announcer.announce(ended, (line) => said.push(line));
    await announcer.settled((line) => said.push(line));
    assert.deepEqual(said, []);
    const got = hook.deliveries.map(({ path, body }) => `${path} ${(body as Message).event}`);
    assert.deepEqual(got.toSorted(), ["/all failure", "/all start", "/services/s3cr3t-h00k failure"]);
    assert.ok(got.indexOf("/all start") < got.indexOf("/all failure"));
  });
});
