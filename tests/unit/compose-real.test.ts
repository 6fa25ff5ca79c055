import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parse } from "yaml";

import { ComposeFile } from "../../compose/compose-file";
import { composeService } from "../../compose/service";
import { composeFixtures, sourcesIn } from "./compose-cases";

/** The real program needs no engine to say what it reads: any of them will do. */
const programs = [["docker-compose"], ["docker", "compose"]] as const;
const found = programs.find(([program, ...args]) => spawnSync(program, [...args, "version"]).status === 0);

type Said = Record<string, { image?: string; environment?: Record<string, string | number | null> }>;

/** What each service gets, as docker compose itself works it out. */
function saidByCompose(folder: string, file: string): Said {
  const [program, ...args] = found ?? ["docker-compose"];
  // Only PATH: variables of this shell would count before those of .env.
  const env = { PATH: process.env.PATH };
  const text = execFileSync(program, [...args, "-f", file, "config"], {
    cwd: folder,
    env,
    encoding: "utf8",
    stdio: "pipe",
  });
  return (parse(text) as { services: Said }).services;
}

/** What is doubled so that the output is a compose file again. */
const single = (text: string) => text.replaceAll("$$", "$");

describe("compose files are read as docker compose reads them", function () {
  this.timeout(60_000);
  let folder = "";
  before(function () {
    if (!found) this.skip();
    folder = mkdtempSync(join(tmpdir(), "octollm-compose-"));
    cpSync(composeFixtures, folder, { recursive: true });
    renameSync(join(folder, "dot.env"), join(folder, ".env"));
  });
  after(() => {
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  const compare = (name: string): void => {
    const said = saidByCompose(folder, name);
    const file = ComposeFile.parse(readFileSync(join(folder, name)));
    const sources = sourcesIn(folder, file);
    assert.deepEqual(new Set(file.serviceNames()), new Set(Object.keys(said)));
    for (const [service, { image, environment = {} }] of Object.entries(said)) {
      const own = Object.fromEntries([...sources.of(service)].map(([key, { value }]) => [key, value]));
      const real = Object.entries(environment).map(([key, value]) => [
        key,
        value === null ? null : single(String(value)),
      ]);
      assert.deepEqual(own, Object.fromEntries(real), `${name}: ${service}`);
      assert.equal(composeService(file, service, sources.values).image, image ?? null);
    }
  };

  for (const name of ["guide.yml", "operator.yml", "anchors.yml", "flow.yml", "dense.yml", "extends.yml"])
    it(`as in ${name}`, () => {
      compare(name);
    });

  it("with every form of a reference, scalar and line of env_file", () => {
    const list = [
      "A=${SET}",
      "B=$SET",
      "C=${UNSET}",
      "D=${UNSET:-d}",
      "E=${EMPTY:-d}",
      "F=${EMPTY-d}",
      "G=${SET:-d}",
      "H=${UNSET-}",
      "I=$$SET",
      "J=$${SET}",
      "K=a${SET}b$SET-c",
      "L=${SET:?no}",
      "M=x=y=z",
      "N=",
      "SET",
      "NOWHERE",
      "O=${UNSET:-a:b/c}",
      "P=${EMPTY?no}",
      "Q= blank ",
      "R=#no comment",
    ];
    const map = {
      PLAIN: "a b",
      NUMBER: 60,
      ZEROS: 600,
      FLOAT: 1.5,
      TRUE: "true",
      EMPTY_TEXT: "",
      NOTHING: null,
      FOLDED: "a\nb\n",
      HASH: "a#b",
      SET: null,
      QUOTED: 'it\'s "so"',
    };
    const services = {
      list: { image: "x:${TAG:-1}", environment: list, env_file: ["more.env"] },
      map: { image: "${REPO}/x", environment: map },
    };
    writeFileSync(join(folder, ".env"), "SET=set\nEMPTY=\nREPO=registry.example.com:5000/y\n");
    writeFileSync(
      join(folder, "more.env"),
      '# note\nPLAIN=a\nQUOTED="a b" # note\nexport EXPORTED=1\nA=not this\nHASH=a#b\nEQUALS=a=b\nCR=x\r\n',
    );
    writeFileSync(join(folder, "all.yml"), JSON.stringify({ version: "3.8", services }));
    compare("all.yml");
  });
});
