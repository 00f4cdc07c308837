// Whether a person can see an element: it is in sight, and so is the page.

/** Tell when that changes, once at the start; returns how to stop. */
export function watchVisible(el: HTMLElement, tell: (visible: boolean) => void): () => void {
  let inSight = true;
  let told: boolean | null = null;
  const check = () => {
    const now = inSight && document.visibilityState !== "hidden";
    if (now === told) return;
    told = now;
    tell(now);
  };
  const observer =
    typeof IntersectionObserver === "undefined"
      ? null
      : new IntersectionObserver(
          (entries) => {
            inSight = entries[entries.length - 1]?.isIntersecting ?? true;
            check();
          },
          { rootMargin: "200px" },
        );
  observer?.observe(el);
  document.addEventListener("visibilitychange", check);
  check();
  return () => {
    observer?.disconnect();
    document.removeEventListener("visibilitychange", check);
  };
}

/** Tell the element's width when it changes; returns how to stop. */
export function watchWidth(el: HTMLElement, tell: (width: number) => void): () => void {
  if (typeof ResizeObserver === "undefined") return () => undefined;
  const observer = new ResizeObserver((entries) => {
    const width = entries[entries.length - 1]?.contentRect.width ?? 0;
    if (width > 0) tell(width);
  });
  observer.observe(el);
  return () => observer.disconnect();
}
