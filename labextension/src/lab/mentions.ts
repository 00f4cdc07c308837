// When to look into a kernel for raydp_magic. A kernel that does not know it says so in its log,
// so notebooks that never speak of it are left alone.
import type { KernelMessage } from "@jupyterlab/services";

export class Mentions {
  readonly #word: string;
  /** The requests whose code speaks of it, until they are done. */
  readonly #running = new Set<string>();

  constructor(word: string) {
    this.#word = word;
  }

  /** True when code that speaks of it is done: it may be loaded now. */
  hear(message: Pick<KernelMessage.IMessage, "header" | "parent_header" | "content">): boolean {
    const parent = "msg_id" in message.parent_header ? message.parent_header.msg_id : "";
    const { msg_type: kind } = message.header;
    if (kind === "execute_input") {
      const { code } = message.content as { code: string };
      if (mentions(code, this.#word)) this.#running.add(parent);
      return false;
    }
    if (kind !== "status") return false;
    const { execution_state: state } = message.content as { execution_state: string };
    return state === "idle" && this.#running.delete(parent);
  }

  forget(): void {
    this.#running.clear();
  }
}

/** `raydp_magic` itself, or one of its magics. */
export function mentions(text: string, word = "raydp_magic"): boolean {
  return text.includes(word) || /(?:^|\n|\s)%{1,2}raydp_/.test(text);
}
