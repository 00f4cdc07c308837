import { hasEnded, type NodeSnapshot, type Snapshot } from "../snapshot";
import { bar, fraction, type Level } from "./bar";
import { h, section, setAttribute, setText, setTextOrHide, type View } from "./dom";
import { amount, bytesOf } from "./format";
import { table, type Column } from "./table";

/** Above this share of a node's physical memory the kernel's OOM killer is near. */
const MEMORY_HIGH = 0.9;

function nameCell(): View<NodeSnapshot> {
  const name = h("span", { class: "raydp-node-name" });
  const tag = h("span", { class: "raydp-tag" });
  return {
    el: h("span", {}, name, " ", tag),
    update(node) {
      setText(name, node.name);
      setAttribute(name, "title", `${node.name} (Ray node ${node.id})`);
      setTextOrHide(tag, node.alive ? (node.is_head ? "head" : "") : "dead");
    },
  };
}

function levels(title: string, level: (node: NodeSnapshot) => Level): Column<NodeSnapshot> {
  return {
    title,
    cell: {
      create(node) {
        const view = bar("meter", `${title} of node ${node.name}`);
        return { el: view.el, update: (row) => view.update(level(row)) };
      },
    },
  };
}

const columns: Column<NodeSnapshot>[] = [
  { title: "Node", cell: { create: nameCell } },
  levels("CPU", (node) => ({
    fraction: fraction(node.cpu_reserved, node.cpu_total),
    text: `${amount(node.cpu_reserved)} / ${amount(node.cpu_total)}`,
    note: node.cpu_percent === null ? "" : `${Math.round(node.cpu_percent)}% busy`,
  })),
  levels("Memory", (node) => {
    const used = fraction(node.memory_used, node.memory_total);
    const high = used !== null && used >= MEMORY_HIGH;
    return {
      fraction: used,
      text: bytesOf(node.memory_used, node.memory_total),
      note: high ? "high" : "",
      high,
    };
  }),
  levels("Object store", (node) => ({
    fraction: fraction(node.store_used, node.store_total),
    text: bytesOf(node.store_used, node.store_total),
  })),
  { title: "GPU", numeric: true, cell: (node) => (node.gpu_total > 0 ? `${amount(node.gpu_reserved)}/${amount(node.gpu_total)}` : "") },
  { title: "Executors", numeric: true, cell: (node) => String(node.spark_executors) },
];

/** The Ray nodes: what is reserved, what is used. */
export function nodes(): View<Snapshot> {
  const { el, body } = section("Nodes", "nodes");
  const grid = table<NodeSnapshot>({
    label: "Ray nodes",
    columns,
    key: (node) => node.id,
    state: (node) => (node.alive ? "alive" : "dead"),
  });
  body.append(grid.el);
  return {
    el,
    update(snapshot) {
      // A column for what nobody has would be noise.
      setAttribute(body, "data-gpus", snapshot.nodes.some((node) => node.gpu_total > 0) ? "" : null);
      const empty = hasEnded(snapshot.state) ? "No Ray node is left" : "No Ray node is known yet";
      grid.update({ rows: snapshot.nodes, empty });
    },
  };
}
