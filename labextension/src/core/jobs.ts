import { hasEnded, type JobSnapshot, type Snapshot } from "../snapshot";
import { bar, fraction } from "./bar";
import { h, keyed, section, setAttribute, setText, setTextOrHide, show, type View } from "./dom";
import { count, plural } from "./format";

const SHOWN = 6;

function job(first: JobSnapshot): View<JobSnapshot> {
  const what = h("span", { class: "raydp-job-what" });
  const stages = h("span", { class: "raydp-job-stages" });
  const active = h("span", { class: "raydp-job-active" });
  const failed = h("span", { class: "raydp-bad" });
  const progress = bar("progressbar", `Tasks of job ${first.id}`);
  const el = h(
    "li",
    { class: "raydp-job" },
    h("span", { class: "raydp-job-id" }, `job ${first.id}`),
    what,
    stages,
    progress.el,
    h("span", { class: "raydp-job-notes" }, active, " ", failed),
  );
  return {
    el,
    update(row) {
      const text = row.description.replace(/\s+/g, " ").trim() || "no description";
      setText(what, text);
      setAttribute(what, "title", row.description || null);
      // Spark runs stage n+1 when n are done, the last one until the job is gone.
      setText(stages, `stage ${Math.min(row.stages_done + 1, row.stages_total)}/${row.stages_total}`);
      progress.update({
        fraction: fraction(row.tasks_done, row.tasks_total),
        text: `${count(row.tasks_done)} / ${plural(row.tasks_total, "task")}`,
      });
      setText(active, `${count(row.tasks_active)} active`);
      setTextOrHide(failed, row.tasks_failed > 0 ? `${count(row.tasks_failed)} failed` : "");
    },
  };
}

/** What Spark works on at this moment. */
export function jobs(): View<Snapshot> {
  const { el, body } = section("Now", "jobs");
  const list = h("ul", { class: "raydp-list" });
  const empty = h("p", { class: "raydp-empty" });
  const more = h("p", { class: "raydp-empty" });
  body.append(list, more, empty);
  const rows = keyed(list, (row: JobSnapshot) => String(row.id), job);
  return {
    el,
    update({ jobs: running, state }) {
      rows(running.slice(0, SHOWN));
      show(list, running.length > 0);
      setTextOrHide(more, running.length > SHOWN ? `and ${plural(running.length - SHOWN, "more job")}` : "");
      const idle = hasEnded(state) ? "No job was running" : "No job is running";
      setTextOrHide(empty, running.length === 0 ? idle : "");
    },
  };
}
