// Which cells hold SQL, from their first line. As the magics' own parser reads it: %%raydp_sql,
// and %%raydp_spark with `-c sql`.

/** Cells are looked at on every key press: a first line longer than this is no magic. */
const MAX_LINE = 2000;
const SQL = /^%%raydp_sql(?=\s|$)/;
const SPARK = /^%%raydp_spark(?=\s)/;
const CONTEXT = /(?:^|\s)(?:-c\s*|--context(?:\s+|=))(?:"sql"|'sql'|sql)(?=\s|$)/;

export interface SqlCell {
  /** Where the magic's line begins: IPython passes over empty lines before it. */
  magicFrom: number;
  magicTo: number;
  /** Where the SQL begins, which may be the end of the text. */
  sqlFrom: number;
}

/** The parts of a SQL cell that begins with `head`, null for any other cell. */
export function sqlCell(head: string): SqlCell | null {
  const magicFrom = head.search(/\S/);
  if (magicFrom < 0 || !head.startsWith("%%raydp_s", magicFrom)) return null;
  const newline = head.indexOf("\n", magicFrom);
  const magicTo = newline < 0 ? head.length : newline;
  // Space before the magic in its own line makes it no magic.
  if (magicFrom > 0 && head[magicFrom - 1] !== "\n") return null;
  if (magicTo - magicFrom > MAX_LINE) return null;
  const line = head.slice(magicFrom, magicTo);
  if (!SQL.test(line) && !(SPARK.test(line) && CONTEXT.test(line))) return null;
  return { magicFrom, magicTo, sqlFrom: newline < 0 ? head.length : newline + 1 };
}
