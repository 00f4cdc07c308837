// SQL cells in CodeMirror: the magic's line stays what it is, the rest is Spark's SQL.
import { SQLDialect } from "@codemirror/lang-sql";
import { defineLanguageFacet, Language, language, languageDataProp } from "@codemirror/language";
import { Prec, type Extension, type Text } from "@codemirror/state";
import { NodeType, Parser, parseMixed, Tree, type Input, type PartialParse } from "@lezer/common";
import { styleTags, tags } from "@lezer/highlight";
import { sqlCell } from "./sql_cell";
import { BUILTIN, KEYWORDS, TYPES } from "./sql_words";

/** Enough for a magic's line with empty lines before it. */
const HEAD = 4000;

/** A dialect's words are divided by single spaces. */
const words = (text: string) => text.trim().replace(/\s+/g, " ");

const SPARK_SQL = SQLDialect.define({
  keywords: words(KEYWORDS),
  types: words(TYPES),
  builtin: words(BUILTIN),
  backslashEscapes: true,
  doubleQuotedStrings: true,
  identifierQuotes: "`",
  caseInsensitiveIdentifiers: true,
  operatorChars: "*+-%<>!=&|~^/:",
  charSetCasts: true, // X'1F', R"raw"
});

const data = defineLanguageFacet({ commentTokens: { line: "--", block: { open: "/*", close: "*/" } } });
const MAGIC = NodeType.define({ id: 1, name: "MagicLine", props: [styleTags({ MagicLine: tags.meta })] });
const BODY = NodeType.define({ id: 2, name: "SqlBody" });
const CELL = NodeType.define({ id: 3, name: "SqlCell", top: true, props: [[languageDataProp, data]] });

/** Done in one step: nothing in it takes time. */
abstract class OneStep implements PartialParse {
  stoppedAt: number | null = null;
  parsedPos = 0;
  constructor(protected readonly input: Input) {}

  protected abstract tree(length: number): Tree;

  advance(): Tree {
    this.parsedPos = this.stoppedAt ?? this.input.length;
    return this.tree(this.parsedPos);
  }

  stopAt(position: number): void {
    this.stoppedAt = position;
  }
}

/** Cuts a cell in two; the SQL parser then reads the second part. */
class Cut extends OneStep {
  protected tree(length: number): Tree {
    const cell = sqlCell(this.input.read(0, Math.min(this.input.length, HEAD)));
    const magicTo = Math.min(cell?.magicTo ?? 0, length);
    const sqlFrom = Math.min(cell?.sqlFrom ?? 0, length);
    const magicFrom = Math.min(cell?.magicFrom ?? 0, magicTo);
    const parts = [new Tree(MAGIC, [], [], magicTo - magicFrom)];
    const starts = [magicFrom];
    if (length > sqlFrom) {
      parts.push(new Tree(BODY, [], [], length - sqlFrom));
      starts.push(sqlFrom);
    }
    return new Tree(CELL, parts, starts, length);
  }
}

class Unread extends OneStep {
  protected tree(length: number): Tree {
    return new Tree(NodeType.none, [], [], length);
  }
}

const nested = parseMixed((node) => (node.type === BODY ? { parser: SPARK_SQL.language.parser } : null));

class SqlCellParser extends Parser {
  createParse(
    input: Input,
    fragments: Parameters<Parser["createParse"]>[1],
    ranges: Parameters<Parser["createParse"]>[2],
  ): PartialParse {
    return nested(new Cut(input), input, fragments, ranges);
  }
}

class UnreadParser extends Parser {
  createParse(input: Input): PartialParse {
    return new Unread(input);
  }
}

/** CodeMirror wants some language where there may be one; a raw cell has none of its own. */
const NO_LANGUAGE = language.of(new Language(defineLanguageFacet(), new UnreadParser()));

export const sqlCellLanguage = new Language(data, new SqlCellParser(), [], "raydp-sql");

function isSqlCell(text: Text): boolean {
  // Most cells are told apart by their first characters.
  return text.length > 0 && sqlCell(text.sliceString(0, HEAD)) !== null;
}

/** For a cell's editor: a text that becomes a SQL cell is read as one, over the editor's own language. */
export function sqlCells(): Extension {
  return [
    Prec.highest(language.computeN(["doc"], (state) => (isSqlCell(state.doc) ? [sqlCellLanguage] : []))),
    Prec.lowest(NO_LANGUAGE),
  ];
}
