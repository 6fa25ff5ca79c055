import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

import ts from "typescript";

import { programFolder } from "./markdown";

/** A text by which the program says that something went wrong, as its source has it. */
export interface FailureText {
  /** `planner/refusals.ts:32`. */
  readonly place: string;
  /** The class of the error, or the key of the object that holds the text. */
  readonly kind: string;
  /** With `…` for what is filled in. */
  readonly text: string;
}

/** Keys of objects whose text says why something cannot be done. */
const keys = ["text", "reason", "fault", "message", "error"];

/** Folders that no operator and no author of a release runs, or that only draw: all others are read. */
const others = ["tests", "bench", "demo", "docs", "reference", "report", "boot", "bin", "node_modules"];

function rooms(): string[] {
  return readdirSync(programFolder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith(".") && !others.includes(name))
    .filter((entry) => entry.isDirectory() || entry.name.endsWith(".ts"))
    .map(({ name }) => name);
}

/** Files whose every sentence is one: they tell what stands in the way, or how things stand after a failure. */
const wholly = [
  ...["planner/obstacles/", "planner/refusals.ts", "planner/gates.ts", "postgres/errors.ts"],
  ...["phases/settle.ts", "phases/stop-after.ts", "runtimes/request.ts"],
];

/** Files whose texts are estimates, and what a report or a history tells. */
const telling = ["phases/estimates.ts", "phases/story.ts", "migrate/story.ts"];

/** Every failure text of the program's source. */
export function failureTexts(): FailureText[] {
  return rooms().flatMap((room) => sourceFiles(join(programFolder, room))).flatMap((file) => textsOf(file));
}

function sourceFiles(path: string): string[] {
  if (path.endsWith(".ts")) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function textsOf(file: string): FailureText[] {
  const path = relative(programFolder, file);
  return telling.includes(path) ? [] : failureTextsIn(path, readFileSync(file, "utf8"));
}

/**
 * Failure texts of one file: those in what is given to a new error, under a key that names a reason, or pushed onto a list
 * of faults; and those of the file's own functions and constants that are used there.
 *
 * @param path - for the places
 */
export function failureTextsIn(path: string, source: string): FailureText[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const found = new Map<string, FailureText>();
  const named = declarations(file);
  const gather = (node: ts.Node, kind: string, seen: readonly ts.Node[]): void => {
    const text = asText(node);
    if (text !== null && isSentence(text)) {
      const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      if (!found.has(text)) found.set(text, { place: `${path}:${line}`, kind, text });
      for (const part of partsOf(node)) gather(part, kind, seen);
    }
    // A text that is whole needs no look at its parts, unless they are all that it has.
    if ((text !== null && isSentence(text)) || isTold(node)) return;
    if (ts.isIdentifier(node)) {
      for (const declared of named.get(node.text) ?? [])
        if (!seen.includes(declared)) gather(declared, kind, [...seen, declared]);
    }
    ts.forEachChild(node, (child) => gather(child, kind, seen));
  };
  const look = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) return;
    const failing = failingPart(node);
    if (failing) for (const part of failing.parts) gather(part, failing.kind, []);
    ts.forEachChild(node, look);
  };
  if (wholly.some((start) => path.startsWith(start))) gather(file, "sentence", []);
  look(file);
  return [...found.values()];
}

function failingPart(node: ts.Node): { readonly kind: string; readonly parts: readonly ts.Node[] } | null {
  if (ts.isNewExpression(node)) {
    const kind = node.expression.getText();
    return /(Error|Fault|Failure)$/.test(kind) ? { kind, parts: node.arguments ?? [] } : null;
  }
  if (ts.isPropertyAssignment(node)) {
    const kind = node.name.getText();
    // A text without a place beside it is no reason, but something that is told.
    const isReason = kind !== "text" || node.parent.properties.some(({ name }) => name?.getText() === "path");
    return keys.includes(kind) && isReason ? { kind, parts: [node.initializer] } : null;
  }
  if (ts.isShorthandPropertyAssignment(node) && keys.includes(node.name.text)) return { kind: node.name.text, parts: [node.name] };
  if (!ts.isCallExpression(node)) return null;
  // What a value of a setting or a release file must be.
  if (ts.isPropertyAccessExpression(node.expression) && /^(?:min|regex|refine)$/.test(node.expression.name.text))
    return { kind: "value", parts: node.arguments.slice(1) };
  const called = node.expression.getText();
  if (/(?:faults|reasons|left)\w*\.push$/i.test(called)) return { kind: "faults", parts: node.arguments };
  // Functions of that name make a reason of a text, or throw it.
  if (/^(?:refuse|fail)$/.test(called))
    return { kind: called, parts: node.arguments.filter((part) => !ts.isIdentifier(part) && !ts.isCallExpression(part)) };
  return null;
}

/** The file's own functions that answer with texts or faults, and its constants, by name; a name may stand for several. */
function declarations(file: ts.SourceFile): Map<string, ts.Node[]> {
  const named = new Map<string, ts.Node[]>();
  const add = (name: string, node: ts.Node) => named.set(name, [...(named.get(name) ?? []), node]);
  const answers = /^(?:Promise<)?(?:string|Refusal|\w+Fault|\w*Error)\b/;
  const look = (node: ts.Node): void => {
    if (ts.isFunctionDeclaration(node) && node.name && node.body && answers.test(node.type?.getText() ?? ""))
      add(node.name.text, node.body);
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer)
      add(node.name.text, node.initializer);
    ts.forEachChild(node, look);
  };
  look(file);
  return named;
}

/** What is being done, or described, is no failure. */
function isTold(node: ts.Node): boolean {
  return ts.isImportDeclaration(node) || (ts.isCallExpression(node) && /(?:progress|about)$/.test(node.expression.getText()));
}

/** Literals, templates and what is put together with `+`; null for anything else. */
function asText(node: ts.Node): string | null {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join("");
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return null;
  const [left, right] = [asText(node.left), asText(node.right)];
  return left === null && right === null ? null : (left ?? "…") + (right ?? "…");
}

/** What is filled in. */
function partsOf(node: ts.Node): ts.Node[] {
  if (ts.isTemplateExpression(node)) return node.templateSpans.map(({ expression }) => expression);
  if (!ts.isBinaryExpression(node)) return ts.isStringLiteralLike(node) ? [] : [node];
  return [node.left, node.right].flatMap(partsOf);
}

/** At least three words of the text itself; command lines, SQL and names of sessions are none. */
function isSentence(text: string): boolean {
  if (/^\s*(SELECT|WITH|INSERT|UPDATE|ALTER|SET|ROLLBACK|count\(\*\) FILTER|umask|npx|octollm|octollm-upgrade:) /.test(text)) return false;
  return (text.match(/[a-z']{2,}/gi) ?? []).length >= 3 && text.includes(" ");
}
