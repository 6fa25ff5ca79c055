/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

import { attemptReport } from "../../report/attempt";
import { toHtml } from "../../report/html";
import { previewReport } from "../../report/preview";
import { dark, light } from "../../report/style";
import { failed, previewed, succeeded } from "./report-cases";

/** Debian's name and those of others; the first on PATH is taken. */
const browserNames = ["chromium", "chromium-browser", "google-chrome"];

function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return browserNames.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

const hex = (rgb: string) =>
  `#${(rgb.match(/\d+/g) ?? []).map((part) => Number(part).toString(16).padStart(2, "0")).join("")}`;

describe("a report in a browser", function () {
  this.timeout(60_000);
  let browser: Browser | undefined;
  let folder: string;
  const pages: Record<string, string> = {};

  before(async function () {
    const executablePath = findBrowser();
    if (executablePath === undefined) {
      process.stderr.write("no chromium on PATH: how reports look is not tested (Debian: apt install chromium)\n");
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), "octollm-report-"));
    const long = {
      plan: null,
      refusals: [`database: ${"no-space-to-break-at-".repeat(20)}`],
      gates: [],
      estimates: [],
    };
    const made = {
      upgrade: attemptReport(await succeeded()),
      failure: attemptReport(await failed()),
      moment: attemptReport(await succeeded({ endedAt: 0, startedAt: 0, phases: [], outages: [] })),
      preview: previewReport(await previewed()),
      refusal: previewReport(await previewed(long)),
    };
    for (const [name, report] of Object.entries(made)) {
      pages[name] = join(folder, `${name}.html`);
      writeFileSync(pages[name], toHtml(report));
    }
    // Root has no sandbox of its own; the page is ours.
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  });
  after(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** Opens a report; anything that it asks of the network, or that its policy has to refuse, is a fault. */
  async function opened<T>(name: string, options: BrowserContextOptions, use: (page: Page) => Promise<T>): Promise<T> {
    assert.ok(browser);
    const page = await browser.newPage(options);
    const faults: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(pathToFileURL(folder).href)) faults.push(`asks for ${request.url()}`);
    });
    page.on("console", (message) => faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(error.message));
    try {
      await page.goto(pathToFileURL(pages[name] ?? "").href);
      const result = await use(page);
      assert.deepEqual(faults, []);
      return result;
    } finally {
      await page.close();
    }
  }

  const names = ["upgrade", "failure", "moment", "preview", "refusal"];
  const desktop = { viewport: { width: 1200, height: 900 } };

  for (const width of [320, 390, 1200])
    it(`fits a screen of ${width} pixels: nothing is cut off, and it scrolls down only`, async () => {
      for (const name of names) {
        const wide = await opened(name, { viewport: { width, height: 800 } }, (page) =>
          page.evaluate(() => {
            const beyond = [...document.body.querySelectorAll("*")].filter((element) => {
              const { left, right } = element.getBoundingClientRect();
              return left < -1 || right > innerWidth + 1;
            });
            return beyond.map((element) => `${element.tagName} ${element.textContent ?? ""}`.slice(0, 60));
          }),
        );
        assert.deepEqual(wide, [], name);
      }
    });

  for (const [colorScheme, scheme] of [
    ["light", light],
    ["dark", dark],
  ] as const)
    it(`is ${colorScheme} where the reader's screen is`, async () => {
      const [ground = "", text = "", bar = ""] = await opened("upgrade", { ...desktop, colorScheme }, (page) =>
        page.evaluate(() => {
          const of = (selector: string) => getComputedStyle(document.querySelector(selector) ?? document.body);
          return [of("body").backgroundColor, of("body").color, of(".timeline rect.good").fill];
        }),
      );
      assert.deepEqual([hex(ground), hex(text), hex(bar)], [scheme.ground, scheme.text, scheme.bar]);
    });

  it("is light on paper, also from a dark screen, and no bar or row is cut by the end of a page", async () => {
    const ground = await opened("upgrade", { ...desktop, colorScheme: "dark" }, async (page) => {
      await page.emulateMedia({ media: "print", colorScheme: "dark" });
      const pdf = await page.pdf({ format: "A4" });
      assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
      const breaks = await page.evaluate(
        () => getComputedStyle(document.querySelector("tr") ?? document.body).breakInside,
      );
      assert.equal(breaks, "avoid");
      return page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    });
    assert.equal(hex(ground), light.ground);
  });

  it("shows every phase of the timeline, however short, and no two words over each other", async () => {
    for (const name of ["upgrade", "failure"])
      for (const width of [320, 1200]) {
        const { bars, overlaps } = await opened(name, { viewport: { width, height: 800 } }, (page) =>
          page.evaluate(() => {
            const boxes = [...document.querySelectorAll(".timeline text")].map((text) => ({
              words: text.textContent ?? "",
              box: text.getBoundingClientRect(),
            }));
            const touching = boxes.flatMap((one, index) =>
              boxes
                .slice(index + 1)
                .filter(({ box }) => box.left < one.box.right && one.box.left < box.right)
                .filter(({ box }) => box.top < one.box.bottom - 2 && one.box.top < box.bottom - 2)
                .map(({ words }) => `${one.words} / ${words}`),
            );
            const groups = [...document.querySelectorAll(".timeline g")];
            const widest = (group: Element) =>
              Math.max(
                ...[...group.querySelectorAll("rect:not(.track)")].map((rect) => rect.getBoundingClientRect().width),
              );
            return { bars: groups.map(widest), overlaps: touching };
          }),
        );
        assert.ok(bars.length >= 8 && bars.every((pixels) => pixels >= 3), `${name}: ${bars.join()}`);
        assert.deepEqual(overlaps, [], `${name} at ${width}`);
      }
  });

  it("tells a screen reader what the chart shows, and has headings in order", async () => {
    const found = await opened("failure", desktop, (page) =>
      page.evaluate(() => ({
        role: document.querySelector("svg")?.getAttribute("role"),
        described: (document.querySelector("svg")?.getAttribute("aria-labelledby") ?? "")
          .split(" ")
          .map((id) => document.getElementById(id)?.textContent),
        headings: [...document.querySelectorAll("h1, h2, h3")].map(({ tagName }) => tagName),
        columns: [...document.querySelectorAll("th")].every((cell) => cell.getAttribute("scope") === "col"),
        language: document.documentElement.lang,
      })),
    );
    assert.equal(found.role, "img");
    assert.deepEqual(found.described, [
      "Timeline",
      "9 phases in 66.6 s, 64.3 s of it without service. The table below has the numbers.",
    ]);
    assert.deepEqual(found.headings.slice(0, 2), ["H1", "H2"]);
    assert.ok(found.columns);
    assert.equal(found.language, "en");
  });
});
