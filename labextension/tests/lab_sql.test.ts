import { EditorState } from "@codemirror/state";
import { ensureSyntaxTree, syntaxHighlighting } from "@codemirror/language";
import { tagHighlighter, tags, highlightTree } from "@lezer/highlight";
import { describe, expect, it } from "vitest";
import { sqlCell } from "../src/lab/sql_cell";
import { sqlCells } from "../src/lab/sql_language";
import { KEYWORDS } from "../src/lab/sql_words";

describe("which cells are SQL", () => {
  it.each([
    "%%raydp_sql\nSELECT 1",
    "%%raydp_sql -o trips --to ray\nSELECT 1",
    "\n\n%%raydp_sql\nSELECT 1",
    "%%raydp_sql",
    "%%raydp_spark -c sql\nSELECT 1",
    "%%raydp_spark -o x -c sql -q\nSELECT 1",
    "%%raydp_spark --context sql\nSELECT 1",
    "%%raydp_spark --context=sql\nSELECT 1",
    "%%raydp_spark -csql\nSELECT 1",
  ])("%j is", (text) => {
    const cell = sqlCell(text);
    expect(cell).not.toBeNull();
    expect(text.slice(cell!.magicFrom, cell!.magicTo)).toMatch(/^%%raydp_\w+[^\n]*$/);
    expect(text.slice(cell!.sqlFrom)).toBe(text.includes("SELECT") ? "SELECT 1" : "");
  });

  it.each([
    "",
    "\n",
    "SELECT 1",
    "%%raydp_spark\nspark.range(3)",
    "%%raydp_spark -c python\nspark.range(3)",
    "%%raydp_spark -o sql\nspark.range(3)",
    "%%raydp_spark -c sqlite\nx",
    "%%raydp_sqlite\nx",
    "%raydp_sql SELECT 1",
    " %%raydp_sql\nSELECT 1",
    "x = 1\n%%raydp_sql\nSELECT 1",
    `%%raydp_sql ${"x".repeat(3000)}\nSELECT 1`,
  ])("%j is not", (text) => {
    expect(sqlCell(text)).toBeNull();
  });
});

const named = tagHighlighter([
  { tag: tags.keyword, class: "keyword" },
  { tag: tags.string, class: "string" },
  { tag: tags.number, class: "number" },
  { tag: tags.lineComment, class: "comment" },
  { tag: tags.meta, class: "meta" },
  { tag: tags.typeName, class: "type" },
  { tag: [tags.bool, tags.null], class: "constant" },
]);

/** What gets which colour: [text, class] in order. */
function colours(state: EditorState): [string, string][] {
  const tree = ensureSyntaxTree(state, state.doc.length, 5000)!;
  const found: [string, string][] = [];
  highlightTree(tree, named, (from, to, name) => found.push([state.sliceDoc(from, to), name]));
  return found;
}

const open = (doc: string) => EditorState.create({ doc, extensions: [sqlCells(), syntaxHighlighting(named)] });

describe("colours", () => {
  it("the magic's line apart from the SQL", () => {
    const found = colours(open("%%raydp_sql -o select_1\nSELECT 'a', 42 FROM `from` -- end\nWHERE CAST(x AS bigint)"));
    expect(found[0]).toEqual(["%%raydp_sql -o select_1", "meta"]);
    expect(found).toContainEqual(["SELECT", "keyword"]);
    expect(found).toContainEqual(["'a'", "string"]);
    expect(found).toContainEqual(["42", "number"]);
    expect(found).toContainEqual(["-- end", "comment"]);
    expect(found).toContainEqual(["bigint", "type"]);
    expect(found.filter(([text]) => text.includes("from"))).not.toContainEqual(["from", "keyword"]);
  });

  it("knows every word of Spark's, at the ends of our lines too", () => {
    for (const word of KEYWORDS.trim().split(/\s+/)) {
      expect(colours(open(`%%raydp_sql\n${word}`)), word).toContainEqual([word, expect.any(String)]);
    }
  });

  it("comes and goes with the first line", () => {
    let state = open("SELECT 1");
    expect(colours(state)).toEqual([]);
    state = state.update({ changes: { from: 0, insert: "%%raydp_sql\n" } }).state;
    expect(colours(state)).toContainEqual(["SELECT", "keyword"]);
    state = state.update({ changes: { from: 0, to: 2 } }).state;
    expect(colours(state)).toEqual([]);
  });

  it("follows typing in a long query", () => {
    const lines = Array.from({ length: 3000 }, (_, index) => `SELECT ${index} AS a UNION ALL`).join("\n");
    let state = open(`%%raydp_sql\n${lines}\nSELECT 1`);
    colours(state);
    state = state.update({ changes: { from: state.doc.length, insert: " WHERE x" } }).state;
    expect(colours(state)).toContainEqual(["WHERE", "keyword"]);
  });
});
