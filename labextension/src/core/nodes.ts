import { hasEnded, type NodeSnapshot } from "../snapshot";
import { bar, fraction, type Level } from "./bar";
import { h, section, setAttribute, setText, setTextOrHide, show, type View } from "./dom";
import { amount, bytes, bytesOf, count, duration, plural } from "./format";
import { grid, type Column } from "./grid";
import type { Frame, Room } from "./room";

/** Above this share of a node's physical memory the kernel's OOM killer is near. */
const MEMORY_HIGH = 0.9;
/** Ray lists no more of a kind at once. */
const LISTED = count(1000);

function nameCell(): View<NodeSnapshot> {
  const name = h("span", { class: "raydp-node-name" });
  const tag = h("span", { class: "raydp-tag" });
  return {
    el: h("span", { class: "raydp-node" }, name, " ", tag),
    update(node) {
      setText(name, node.name);
      setAttribute(name, "title", `${node.name} (Ray node ${node.id})`);
      setTextOrHide(tag, node.alive ? (node.is_head ? "head" : "") : "dead");
    },
  };
}

function levels(title: string, name: string, level: (node: NodeSnapshot) => Level): Column<NodeSnapshot> {
  return {
    title,
    name,
    cell: {
      create(node) {
        const view = bar("meter", `${title} of node ${node.name}`);
        return { el: view.el, update: (row) => view.update(level(row)) };
      },
    },
  };
}

function cpu(node: NodeSnapshot): Level {
  const busy = node.cpu_percent;
  return {
    fraction: fraction(node.cpu_reserved, node.cpu_total),
    own: fraction(node.cpu_spark, node.cpu_total),
    mark: busy === null ? null : busy / 100,
    text: `${amount(node.cpu_reserved)}/${amount(node.cpu_total)}`,
    note: busy === null ? "" : `${Math.round(busy)}% busy`,
    title:
      `${amount(node.cpu_reserved)} of ${amount(node.cpu_total)} CPUs reserved, ${amount(node.cpu_spark)} by Spark` +
      (busy === null ? "" : `; ${Math.round(busy)}% of the machine busy`),
  };
}

function memory(node: NodeSnapshot): Level {
  const used = fraction(node.memory_used, node.memory_total);
  const high = used !== null && used >= MEMORY_HIGH;
  return {
    fraction: used,
    mark: node.memory_reserved > 0 ? fraction(node.memory_reserved, node.memory_total) : null,
    text: bytesOf(node.memory_used, node.memory_total),
    note: high ? "high" : "",
    title:
      `${bytesOf(node.memory_used, node.memory_total)} used${high ? ", high" : ""}; ` +
      `${bytes(node.memory_reserved)} reserved, ${bytes(node.memory_spark)} by Spark`,
    high,
  };
}

/** Who holds the node, in words: Spark's CPUs, other CPUs, Ray's tasks and actors. */
export function holders(node: NodeSnapshot): string {
  const others = Math.max(0, node.cpu_reserved - node.cpu_spark);
  const parts = [node.spark_executors > 0 ? `Spark ${amount(node.cpu_spark)} CPU` : ""];
  if (others > 0.004) parts.push(`others ${amount(others)} CPU`);
  if (node.ray_tasks) parts.push(plural(node.ray_tasks, "Ray task"));
  if (node.ray_actors) parts.push(plural(node.ray_actors, "actor"));
  return parts.filter(Boolean).join(" · ") || "nobody";
}

/** `died 42 s ago: health check failed`, "" of a live one. */
function death(node: NodeSnapshot, now: number): string {
  if (node.alive) return "";
  const when = node.died_at == null ? "" : `died ${duration(Math.max(0, now - node.died_at))} ago`;
  return [when, (node.death ?? "").replace(/\s+/g, " ")].filter(Boolean).join(": ");
}

const columns: Column<NodeSnapshot>[] = [
  { title: "Node", name: "node", cell: { create: nameCell } },
  levels("CPU", "cpu", cpu),
  levels("Memory", "memory", memory),
  levels("Object store", "store", (node) => ({
    fraction: fraction(node.store_used, node.store_total),
    text: bytesOf(node.store_used, node.store_total),
  })),
  {
    title: "GPU",
    name: "gpu",
    cell: {
      create(node) {
        const view = bar("meter", `GPU of node ${node.name}`);
        return {
          el: view.el,
          update(row) {
            // A bar for what a node does not have would be noise.
            show(view.el, row.gpu_total > 0);
            view.update({
              fraction: row.gpu_total > 0 ? row.gpu_reserved / row.gpu_total : 0,
              own: row.gpu_total > 0 ? row.gpu_spark / row.gpu_total : 0,
              text: `${amount(row.gpu_reserved)}/${amount(row.gpu_total)}`,
              title: `${amount(row.gpu_reserved)} of ${amount(row.gpu_total)} GPUs reserved, ${amount(row.gpu_spark)} by Spark`,
            });
          },
        };
      },
    },
  },
  { title: "Executors", name: "count", numeric: true, cell: (node) => count(node.spark_executors) },
  { title: "Reserved by", name: "who", cell: holders },
];

/** The Ray nodes: what is reserved, what is used, and by whom. */
export function nodes(room: Room): View<Frame> {
  const { el, body } = section("Nodes", "nodes");
  let at = 0;
  const table = grid<NodeSnapshot>({
    label: "Ray nodes",
    name: "nodes",
    columns,
    key: (node) => node.id,
    note: (node) => death(node, at),
    state: (node) => (node.alive ? "alive" : "dead"),
    narrowLines: () => 5,
    isNarrow: () => room.isNarrow(),
  });
  const legend = h(
    "p",
    { class: "raydp-legend" },
    h("span", { class: "raydp-key-own" }),
    "held by Spark ",
    h("span", { class: "raydp-key-other" }),
    "held by others, or used ",
    h("span", { class: "raydp-key-mark" }),
    "CPU: busy, memory: reserved",
  );
  const more = h("p", { class: "raydp-note" });
  body.append(table.el, legend, more);
  return {
    el,
    update({ snapshot, now }) {
      at = now;
      setAttribute(body, "data-gpus", snapshot.nodes.some((node) => node.gpu_total > 0) ? "" : null);
      show(legend, snapshot.nodes.length > 0);
      const kinds = (snapshot.ray_more ?? []).map((kind) => `${LISTED}+ ${kind}`).join(" and ");
      setTextOrHide(more, kinds && `Ray has ${kinds}; by node are counted the first ${LISTED} that it lists`);
      const empty = hasEnded(snapshot.state) ? "No Ray node is left" : "No Ray node is known yet";
      table.update({ rows: snapshot.nodes, empty });
    },
  };
}
