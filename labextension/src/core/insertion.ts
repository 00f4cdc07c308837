// How a panel in a cell asks JupyterLab's extension, where that is there, to put a magic into the notebook.
const WISH = "raydp-magic:insert";
const GRANTED = "raydpMagicInserts";

/** What puts a magic into the notebook around `el`; undefined where nobody would do it. */
export function insertAround(el: HTMLElement): ((magic: string) => void) | undefined {
  if (!(GRANTED in document.documentElement.dataset)) return undefined;
  return (magic) => void el.dispatchEvent(new CustomEvent(WISH, { bubbles: true, detail: magic }));
}

/** The extension's side: do what panels on the page ask for. */
export function grantInsertions(insert: (near: Node, magic: string) => void): void {
  document.documentElement.dataset[GRANTED] = "";
  document.addEventListener(WISH, ({ target, detail }: Event & { detail?: unknown }) => {
    if (target instanceof Node && typeof detail === "string") insert(target, detail);
  });
}
