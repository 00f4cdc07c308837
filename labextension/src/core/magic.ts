import { button, h, setText } from "./dom";

const COPIED_MS = 1500;

/** A magic, with what a person can do with it. */
export function magicLine(insertMagic: ((text: string) => void) | undefined): {
  el: HTMLElement;
  update(magic: string): void;
} {
  let text = "";
  const code = h("code", { class: "raydp-magic-text" });
  const copy = button("Copy", () => {
    void copyText(text, copy).then((done) => {
      setText(copy, done ? "Copied" : "Not copied");
      setTimeout(() => setText(copy, "Copy"), COPIED_MS);
    });
  });
  const el = h("span", { class: "raydp-magic" }, code, copy);
  const insert = insertMagic ? button("Insert", () => insertMagic(text)) : null;
  if (insert) el.append(insert);
  return {
    el,
    update(magic) {
      text = magic;
      setText(code, magic);
      copy.setAttribute("aria-label", `Copy ${magic}`);
      insert?.setAttribute("aria-label", `Insert ${magic} into the notebook`);
      insert?.setAttribute("title", "Insert into the notebook as a new cell");
    },
  };
}

/** The clipboard is only given to secure pages; a server in the network is often plain http. */
async function copyText(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "raydp-hidden", "aria-hidden": "true" }) as HTMLTextAreaElement;
    area.value = text;
    near.after(area);
    area.select();
    const done = typeof document.execCommand === "function" && document.execCommand("copy");
    area.remove();
    near.focus();
    return done;
  }
}
