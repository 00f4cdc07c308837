import { hasEnded } from "../snapshot";
import { section, show, type View } from "./dom";
import type { Frame, Room } from "./room";
import { startForm } from "./start_form";

/** The cluster has ended: the form that starts the next one, above what is left of this one. */
export function again(room: Room): View<Frame> {
  const { el, body } = section("Start again", "again");
  const form = startForm(room);
  body.append(form.el);
  return {
    el,
    update({ snapshot, actions }) {
      const offered = hasEnded(snapshot.state) && actions.has("start");
      show(el, offered);
      if (offered) form.update({ presets: snapshot.presets, actions });
      else form.rest();
    },
  };
}
