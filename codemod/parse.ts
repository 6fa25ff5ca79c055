import { existsSync } from "node:fs";
import { createRequire } from "node:module";

import type { SgNode } from "@ast-grep/napi";

import { javascriptTree } from "./javascript";
import { pythonTree } from "./python";
import type { SourceFile } from "./scopes";
import { linked } from "./tree";

type Grammar = "python" | "JavaScript" | "TypeScript" | "Tsx";

const grammars: Readonly<Record<string, Grammar>> = {
  ".py": "python",
  ".pyi": "python",
  ".js": "JavaScript",
  ".jsx": "JavaScript",
  ".mjs": "JavaScript",
  ".cjs": "JavaScript",
  ".ts": "TypeScript",
  ".mts": "TypeScript",
  ".cts": "TypeScript",
  ".tsx": "Tsx",
};

/** A file cannot be read as what its name says; it is left alone. */
export class SourceError extends Error {
  /** UTF-16 offset of the place. */
  readonly at: number;

  constructor(at: number, reason: string) {
    super(reason);
    this.name = "SourceError";
    this.at = at;
  }
}

/** The endings of the source files that can be read. */
export const sourceEndings = Object.keys(grammars);

let parser: typeof import("@ast-grep/napi") | null = null;

function loaded(): typeof import("@ast-grep/napi") {
  if (parser) return parser;
  const load = createRequire(__filename);
  const python = load("@ast-grep/lang-python") as { readonly libraryPath: string };
  // A grammar that is not there would end the whole process, without a word that helps.
  if (!existsSync(python.libraryPath))
    throw new Error(
      `There is no Python grammar for this machine (${process.platform}, ${process.arch}). Nothing was touched. ` +
        "Run the command on Linux, macOS or Windows with x64 or arm64.",
    );
  parser = load("@ast-grep/napi") as typeof import("@ast-grep/napi");
  parser.registerDynamicLanguage({ python: python as never });
  return parser;
}

/**
 * Reads a source file's syntax tree.
 *
 * @param path - its name tells the language
 * @param text - without byte order mark
 * @throws SourceError when it has a syntax error or is nested too deeply
 */
export function parseSource(path: string, text: string): SourceFile {
  const grammar = grammars[/\.[a-z]+$/.exec(path)?.[0] ?? ""];
  if (!grammar) throw new SourceError(0, "its name tells no language that is known here");
  const root: SgNode = loaded().parse(grammar, text).root();
  const broken = firstFault(root);
  if (broken !== null) throw new SourceError(broken, "a syntax error, or syntax that is too new: left as it is");
  try {
    const tree = linked(grammar === "python" ? pythonTree(root) : javascriptTree(root));
    return { path, language: grammar === "python" ? "python" : "javascript", text, root: tree };
  } catch (error) {
    if (error instanceof RangeError)
      throw new SourceError(0, "nested too deeply to be read: the file is left as it is");
    throw error;
  }
}

/** Where something stands that is no syntax, or something is missing: the parser puts in a token without length. */
function firstFault(root: SgNode): number | null {
  const open = root.children();
  for (let node = open.pop(); node; node = open.pop()) {
    const { start, end } = node.range();
    const children = node.children();
    if (node.kind() === "ERROR" || (children.length === 0 && start.index === end.index)) return start.index;
    open.push(...children.toReversed());
  }
  return null;
}
