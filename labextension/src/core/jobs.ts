import { hasEnded, type JobSnapshot, type Snapshot, type StageSnapshot, type TransferSnapshot } from "../snapshot";
import { bar, fraction } from "./bar";
import { desk } from "./desk";
import { button, freshId, h, keyed, section, setAttribute, setText, setTextOrHide, show, type View } from "./dom";
import { bytes, count, duration, plural, rate, remaining } from "./format";
import { cancelPlan } from "./plans";
import type { Frame, Room } from "./room";

const SHOWN = 6;
/** When folded out. */
const MOST = 100;
const STAGES_SHOWN = 40;

interface JobRow {
  job: JobSnapshot;
  frame: Frame;
}

/** What went in and out: `1.2 GiB, 3,400 rows in · 12 MiB shuffled`. */
export function traffic(stages: readonly StageSnapshot[]): string {
  const sum = (key: "input_bytes" | "input_rows" | "output_bytes" | "shuffle_read" | "shuffle_write") =>
    stages.reduce((total, stage) => total + stage[key], 0);
  const parts: string[] = [];
  if (sum("input_bytes") > 0) parts.push(`${bytes(sum("input_bytes"))} in`);
  if (sum("input_rows") > 0) parts.push(`${plural(sum("input_rows"), "row")} in`);
  if (sum("output_bytes") > 0) parts.push(`${bytes(sum("output_bytes"))} out`);
  const shuffled = Math.max(sum("shuffle_read"), sum("shuffle_write"));
  if (shuffled > 0) parts.push(`${bytes(shuffled)} shuffled`);
  return parts.join(" · ");
}

function stage(first: StageSnapshot): View<StageSnapshot> {
  const state = h("span", { class: "raydp-stage-state" });
  const name = h("span", { class: "raydp-job-what" });
  const notes = h("span", { class: "raydp-note" });
  const progress = bar("progressbar", `Tasks of stage ${first.id}`);
  const el = h("li", { class: "raydp-stage" }, h("span", { class: "raydp-note" }, `stage ${first.id}`), name, state, progress.el, notes);
  return {
    el,
    update(row) {
      setText(name, row.name || "unnamed");
      setAttribute(name, "title", row.name || null);
      setText(state, row.state + (row.attempt > 0 ? `, attempt ${row.attempt + 1}` : ""));
      setAttribute(state, "class", row.state === "failed" ? "raydp-stage-state raydp-bad" : "raydp-stage-state");
      show(progress.el, row.state !== "skipped");
      progress.update({ fraction: fraction(row.tasks_done, row.tasks_total), text: `${count(row.tasks_done)}/${count(row.tasks_total)}` });
      const failed = row.tasks_failed > 0 ? `${count(row.tasks_failed)} failed` : "";
      setText(notes, [failed, traffic([row])].filter(Boolean).join(" · "));
    },
  };
}

function stageTitle({ stages, stages_done: done, stages_total: total }: JobSnapshot): string {
  const skipped = stages.filter(({ state }) => state === "skipped").length;
  const at = total > 0 ? `stage ${Math.min(done + 1, total)}/${total}` : "planning";
  return skipped > 0 ? `${at}, ${skipped} skipped` : at;
}

function job(cancel: (job: JobSnapshot, from: HTMLElement) => void, first: JobSnapshot): View<JobRow> {
  let row = first;
  const what = h("span", { class: "raydp-job-what" });
  const cell = h("span", { class: "raydp-job-cell" });
  const flow = h("span", { class: "raydp-note raydp-job-flow" });
  const time = h("span", { class: "raydp-job-time" });
  const active = h("span", { class: "raydp-job-active" });
  const failed = h("span", { class: "raydp-bad" });
  const progress = bar("progressbar", `Tasks of job ${first.id}`);
  const id = freshId("stages");
  const list = h("ul", { class: "raydp-stages", id, hidden: "" });
  const stages = keyed(list, (item: StageSnapshot) => `${item.id}.${item.attempt}`, stage);
  let open = false;
  const toggle = button("stages", () => {
    open = !open;
    redraw();
  });
  toggle.classList.add("raydp-job-stages");
  setAttribute(toggle, "aria-controls", id);
  const stop = button("cancel", (from) => cancel(row, from), `Cancel job ${first.id}`);
  const el = h(
    "li",
    { class: "raydp-job" },
    h("span", { class: "raydp-job-id" }, cell, h("span", { class: "raydp-note" }, ` job ${first.id}`)),
    what,
    toggle,
    progress.el,
    h("span", { class: "raydp-job-notes" }, active, failed, time),
    h("span", { class: "raydp-buttons" }, stop),
    flow,
    list,
  );

  function redraw(): void {
    setAttribute(toggle, "aria-expanded", String(open));
    show(list, open);
    stages(open ? row.stages.slice(0, STAGES_SHOWN) : []);
  }

  return {
    el,
    update({ job: next, frame }) {
      row = next;
      const text = row.description.replace(/\s+/g, " ").trim() || "no description";
      setTextOrHide(cell, row.cell ? `cell [${row.cell}]` : "");
      setText(what, text);
      setAttribute(what, "title", row.description || null);
      setText(toggle, stageTitle(row));
      progress.update({
        fraction: fraction(row.tasks_done, row.tasks_total),
        text: `${count(row.tasks_done)} / ${plural(row.tasks_total, "task")}`,
      });
      setText(active, `${count(row.tasks_active)} running`);
      setTextOrHide(failed, row.tasks_failed > 0 ? ` · ${count(row.tasks_failed)} failed` : "");
      const elapsed = row.started_at === null ? "" : duration(Math.max(0, frame.now - row.started_at));
      // An estimate is only shown when the kernel has grounds for one.
      const left = row.remaining_s === null ? "" : remaining(row.remaining_s);
      setTextOrHide(time, [elapsed, left].map((text) => (text ? ` · ${text}` : "")).join(""));
      setTextOrHide(flow, traffic(row.stages));
      show(stop, frame.actions.has("cancel"));
      redraw();
    },
  };
}

interface TransferRow {
  transfer: TransferSnapshot;
  now: number;
}

function transfer(): View<TransferRow> {
  const what = h("span", { class: "raydp-job-what" });
  const direction = h("span", { class: "raydp-job-id" });
  const notes = h("span", { class: "raydp-job-notes" });
  const el = h("li", { class: "raydp-job raydp-transfer" }, direction, what, notes);
  return {
    el,
    update({ transfer: row, now }) {
      setText(direction, row.direction.replace("->", "→"));
      setText(what, row.label || "unnamed");
      const seconds = Math.max(0, now - row.started_at);
      const parts = [row.rows === null ? "" : plural(row.rows, "row"), row.bytes === null ? "" : bytes(row.bytes)];
      parts.push(row.bytes === null ? "" : rate(row.bytes, seconds), duration(seconds));
      setText(notes, parts.filter(Boolean).join(" · "));
    },
  };
}

function idleText({ state, spark_ui_url }: Snapshot): string {
  if (hasEnded(state)) return "No job was running";
  // Spark's UI is where its jobs are asked for.
  return state === "running" && spark_ui_url === null ? "Spark's UI is off: its jobs are not known" : "No job is running";
}

/** What Spark and the bridge work on at this moment. */
export function jobs(room: Room): View<Frame> {
  const { el, body } = section("Now", "jobs");
  const place = desk(room);
  const list = h("ul", { class: "raydp-list" });
  const moving = h("ul", { class: "raydp-list" });
  const empty = h("p", { class: "raydp-empty" });
  let newest: Frame | null = null;
  let all = false;
  const more = button("", () => {
    all = !all;
    if (newest) draw(newest);
  });
  const beyond = h("p", { class: "raydp-empty" });
  body.append(list, moving, more, beyond, empty, place.el);
  const cancel = (row: JobSnapshot, from: HTMLElement) => place.run(cancelPlan(row.id), from);
  const rows = keyed(list, (row: JobRow) => String(row.job.id), (row) => job(cancel, row.job));
  const transfers = keyed(moving, (row: TransferRow) => row.transfer.id, transfer);

  function draw(frame: Frame): void {
    const { jobs: running, transfers: under } = frame.snapshot;
    const most = all ? MOST : SHOWN;
    rows(running.slice(0, most).map((row) => ({ job: row, frame })));
    show(list, running.length > 0);
    transfers(under.slice(0, most).map((row) => ({ transfer: row, now: frame.now })));
    show(moving, under.length > 0);
    const over = (these: readonly unknown[], noun: string) => (these.length > most ? [plural(these.length - most, noun)] : []);
    const left = [...over(running, "more job"), ...over(under, "more transfer")].join(", ");
    show(more, Math.max(running.length, under.length) > SHOWN);
    setText(more, all ? "fewer" : `and ${left}`);
    setAttribute(more, "aria-expanded", String(all));
    setTextOrHide(beyond, all && left !== "" ? `and ${left}; %raydp_cluster cancel ID ends any job` : "");
    setTextOrHide(empty, running.length + under.length === 0 ? idleText(frame.snapshot) : "");
  }

  return {
    el,
    update(frame) {
      newest = frame;
      draw(frame);
      const ids = new Set(frame.snapshot.jobs.map(({ id }) => id));
      place.settle(({ action, details }) => frame.actions.has(action) && ids.has(Number(details["job"])));
    },
  };
}
