import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { ArgvSampler } from "./processes";

/** Secrets that are found again wherever they get to. */
export const marks = [
  "mark-openai-4f1c",
  "mark-anthropic-77b0",
  "mark-jwt-9e02",
  "mark-hook-path-31aa",
  "mark-hook-token-c5d8",
];

const [openai = "", anthropic = "", jwt = "", hookPath = "", hookToken = ""] = marks;

/** The operator's `.env` with marked secrets. */
export function marked(env: string): string {
  return env
    .replace(/^OPENAI_API_KEY=.*$/m, `OPENAI_API_KEY=sk-${openai}`)
    .replace(/^ANTHROPIC_API_KEY='[^']*'/m, `ANTHROPIC_API_KEY='sk-${anthropic}'`)
    .replace(/^JWT_SECRET=.*$/m, `JWT_SECRET=${jwt}==`)
    .replace(/^WEBHOOK_URL=.*$/m, `WEBHOOK_URL=https://example.com/${hookPath}/webhook?token=${hookToken}`);
}

interface Places {
  readonly folder: string;
  readonly texts: readonly string[];
}

/** The only files that may hold secrets: `.env` itself, its copy in each backup, and what the services log themselves. */
const allowed = /^octollm\/(?:\.env|logs\/[^/]+|backups\/[^/]+\/(?:\.env|env[^/]*))$/;

/** Looks for secrets in command lines from its making on, and in files and texts at the end. */
export class SecretSearch {
  readonly #secrets: readonly string[];
  readonly #sampler = new ArgvSampler();

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  /** Where a secret was found, a line each; ends the sampling. */
  findings({ folder, texts }: Places): string[] {
    const places: [string, string][] = [
      ...this.#sampler.stop().map((line): [string, string] => [`command line '${line.slice(0, 60)}…'`, line]),
      ...texts.map((text, index): [string, string] => [`output ${index}`, text]),
      ...filesOf(folder)
        .filter((file) => !allowed.test(file))
        .flatMap((file): [string, string][] => [
          [`file ${file}`, readFileSync(join(folder, file), "latin1")],
          [`name of ${file}`, file],
        ]),
    ];
    return this.#secrets.flatMap((secret) =>
      places.filter(([, text]) => text.includes(secret)).map(([place]) => `${secret}: ${place}`),
    );
  }
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return filesOf(join(folder, entry.name)).map((name) => `${entry.name}/${name}`);
    return entry.isFile() ? [entry.name] : [];
  });
}
