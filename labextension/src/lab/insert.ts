// Put a magic into a notebook, to be read, changed and run by a person.
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";

/** A new code cell below the active one. */
export function insertBelow(panel: NotebookPanel, text: string): void {
  const { content } = panel;
  if (!content.model || content.model.readOnly) return;
  NotebookActions.insertBelow(content);
  const cell = content.activeCell;
  if (!cell) return;
  cell.model.sharedModel.setSource(text);
  content.mode = "edit";
  cell.editor?.setCursorPosition({ line: 0, column: text.length });
  void content.scrollToCell(cell, "smart");
}
