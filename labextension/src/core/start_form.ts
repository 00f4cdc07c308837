import type { Preset } from "../snapshot";
import { failure } from "./desk";
import { button, enable, freshId, h, keepKeys, keyed, setAttribute, setText, setTextOrHide, show } from "./dom";
import { plural } from "./format";
import { magicLine } from "./magic";
import { memoryText, refuse, startPlan } from "./plans";
import type { Room } from "./room";

const TYPING_MS = 300;
const PATIENCE_MS = 2000;

export interface StartContent {
  presets: readonly Preset[];
  actions: ReadonlySet<string>;
}

export interface StartForm {
  readonly el: HTMLElement;
  update(content: StartContent): void;
  /** Out of sight: what it says is old when it is updated next. */
  rest(): void;
  focus(): void;
}

function field(label: string, value: string, hint: string): { el: HTMLElement; input: HTMLInputElement } {
  const input = h("input", { type: "text", class: "raydp-input", id: freshId("field"), value, title: hint, autocomplete: "off", spellcheck: "false" });
  const el = h("span", { class: "raydp-field" }, h("label", { for: input.id }, label), input);
  return { el, input: input as HTMLInputElement };
}

/** How big: by hand or by a preset, checked against the live nodes while typing. */
export function startForm(room: Room): StartForm {
  const executors = field("Executors", "2", "How many executors");
  const cores = field("Cores each", "1", "Cores of each executor");
  const memory = field("Memory each", "1g", "Heap of each executor, as 512m or 2g");
  const fit = h("p", { class: "raydp-fit", id: freshId("fit") });
  const trouble = h("div", { class: "raydp-failure", role: "alert" });
  const line = magicLine(room.insertMagic);
  const start = h("button", { type: "submit", class: "raydp-button raydp-primary" }, "Start");
  const presets = h("span", { class: "raydp-buttons", role: "group", "aria-label": "Presets" });
  const el = h("form", { class: "raydp-form", "aria-label": "Start Spark on Ray", novalidate: "" });
  el.append(presets, executors.el, cores.el, memory.el, start, fit, line.el, trouble);
  keepKeys(el);
  const inputs = [executors.input, cores.input, memory.input];
  for (const input of inputs) setAttribute(input, "aria-describedby", fit.id);

  let actions: ReadonlySet<string> = new Set();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let turn = 0;
  let busy = false;
  let resting = true;

  const buttons = keyed(presets, (preset: Preset) => preset.name, (first) => {
    let preset = first;
    const el = button(first.name, () => {
      [executors.input.value, cores.input.value, memory.input.value] = [
        String(preset.executors),
        String(preset.cores),
        memoryText(preset.memory_mib),
      ];
      changed(0);
    });
    return {
      el,
      update(next) {
        preset = next;
        const text = `${plural(next.executors, "executor")} of ${plural(next.cores, "core")} and ${memoryText(next.memory_mib)}`;
        setAttribute(el, "title", text);
        setAttribute(el, "aria-label", `${next.name}: ${text}`);
      },
    };
  });

  const request = () => ({
    executors: Number(executors.input.value),
    cores: Number(cores.input.value),
    memory: memory.input.value.trim().replace(/\s+/g, ""),
  });

  const refused = () => refuse(executors.input.value, cores.input.value, memory.input.value);

  function say(text: string, kind: "good" | "bad" | "plain"): void {
    setTextOrHide(fit, text);
    setAttribute(fit, "data-kind", kind);
  }

  function changed(delay: number): void {
    trouble.replaceChildren();
    look(delay);
  }

  /** Whether it can be sent, and after `delay` whether it would fit. */
  function look(delay: number): void {
    clearTimeout(timer);
    const wrong = refused();
    show(line.el, wrong === null);
    enable(start, wrong === null && !busy && actions.has("start"));
    if (wrong !== null) {
      turn++;
      say(wrong, "bad");
      return;
    }
    line.update(startPlan(request()).magic);
    if (actions.has("fit")) timer = setTimeout(check, delay);
    else say("", "plain");
  }

  function check(): void {
    const mine = ++turn;
    room.store.ask?.("fit", request()).then(
      (value) => {
        if (mine !== turn) return;
        const { fits, text } = value as { fits: boolean; text: string };
        say(String(text), fits ? "good" : "bad");
      },
      (error: unknown) => {
        if (mine === turn) say(error instanceof Error ? error.message : String(error), "plain");
      },
    );
  }

  function submit(): void {
    if (start.getAttribute("aria-disabled") === "true" || refused() !== null) return;
    busy = true;
    enable(start, false);
    setText(start, "Starting …");
    const slow = setTimeout(() => say("The kernel has not answered yet; it may be busy with a cell", "plain"), PATIENCE_MS);
    const answer = room.store.ask?.("start", { ...startPlan(request()).details }) ?? Promise.resolve(null);
    const over = () => {
      clearTimeout(slow);
      busy = false;
      setText(start, "Start");
      say("", "plain");
      enable(start, refused() === null);
    };
    answer.then(over, (error: unknown) => {
      over();
      trouble.replaceChildren(...failure("", error));
      if (!resting) look(0); // what fitted before may not fit now
    });
  }

  el.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  for (const input of inputs) input.addEventListener("input", () => changed(TYPING_MS));
  return {
    el,
    update(content) {
      const same = !resting && content.actions.has("fit") === actions.has("fit") && content.actions.has("start") === actions.has("start");
      resting = false;
      actions = content.actions;
      buttons(content.presets);
      show(presets, content.presets.length > 0);
      // Typing goes on while snapshots come: only the first look asks by itself.
      if (!same) look(0);
    },
    rest() {
      if (resting) return;
      resting = true;
      clearTimeout(timer);
      turn++;
      say("", "plain");
      trouble.replaceChildren();
    },
    focus: () => executors.input.focus({ preventScroll: true }),
  };
}
