(() => {
  "use strict";
  // The page is drawn from the record alone; whether a date has passed depends on when somebody looks.
  for (const due of document.querySelectorAll("time[data-due]")) {
    if (Date.parse(due.dateTime) < Date.now()) {
      due.classList.add("late");
      due.append(" (overdue)");
    }
  }
  // Without this script the marks show their titles as the browser does; with it also when tapped, and at once.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  for (const title of document.querySelectorAll("svg.chart .mark > title")) {
    const mark = title.parentNode;
    mark.dataset.tip = title.textContent;
    mark.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  let shown = null;
  let place = null;  // of the mark that is shown, in the window
  const show = (mark) => {
    shown?.classList.remove("pointed");
    shown = mark;
    tip.hidden = mark === null;
    if (mark === null) return;
    mark.classList.add("pointed");
    tip.textContent = mark.dataset.tip;
    const at = mark.getBoundingClientRect();
    place = at;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const left = Math.min(Math.max(8, at.left + at.width / 2 - tip.offsetWidth / 2), Math.max(8, room));
    const above = at.top - tip.offsetHeight - 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : at.bottom + 6}px`;
  };
  const markOf = (event) => event.target.closest?.("[data-tip]") ?? null;
  document.addEventListener("pointerover", (event) => { if (markOf(event) !== shown) show(markOf(event)); });
  document.addEventListener("pointerdown", (event) => show(markOf(event)));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") show(null); });
  const hasMoved = () => {
    const at = shown.getBoundingClientRect();
    return Math.abs(at.top - place.top) > 1 || Math.abs(at.left - place.left) > 1;
  };
  // Told late, a scroll may be over before the mark was pointed at.
  window.addEventListener("scroll", () => { if (shown !== null && hasMoved()) show(null); }, { passive: true });
})();
