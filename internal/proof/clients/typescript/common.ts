import assert from "node:assert/strict";
import { createHash } from "node:crypto";

const { API, KEY, CONVERSATION } = process.env;
assert(API && KEY && CONVERSATION);
export const api: string = API;
export const key: string = KEY;
export const conversation: string = CONVERSATION;

const contents: Record<string, string> = { "first.txt": "the first file\n", "второй.txt": "the second file\n" };

export const names = Object.keys(contents);
export const files = names.map((name) => new File([contents[name]], name));

/** Holds an answer's `files` against what was sent. */
export function expectStored(stored: { name: string; sha256: string }[] | undefined): void {
  const want = names.map((name) => ({ name, sha256: createHash("sha256").update(contents[name]).digest("hex") }));
  assert.deepEqual(stored?.map(({ name, sha256 }) => ({ name, sha256 })), want);
}

export function expectListed(listed: { name: string }[] | undefined, want: string[]): void {
  assert.deepEqual(listed?.map(({ name }) => name).sort(), [...want].sort());
}
