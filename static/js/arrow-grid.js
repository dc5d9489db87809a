// Arrow keys in grids of links or buttons, so that one press of Tab enters a grid and the next one leaves it.
// Calendars: [data-calendar] holds buttons with data-date; left and right move by a day, up and down by a week,
// Page Up and Page Down by a month. Heat maps: svg[role=group] holds links in rows from left to right.
function rove(cells, next) {
  cells.forEach((cell) => cell.setAttribute("tabindex", cell === next ? "0" : "-1"));
}

function dateAfter(date, days, months) {
  const moved = new Date(`${date}T00:00:00Z`);
  if (months) moved.setUTCMonth(moved.getUTCMonth() + months);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

function calendar(root) {
  const cells = [...root.querySelectorAll("[data-date]")];
  if (!cells.length) return;
  const moves = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [-7, 0], ArrowDown: [7, 0], PageUp: [0, -1], PageDown: [0, 1],
  };
  rove(cells, cells.find((cell) => cell.classList.contains("sel")) || cells[0]);
  root.addEventListener("keydown", (event) => {
    const here = event.target.closest("[data-date]");
    if (!here || !(event.key in moves)) return;
    event.preventDefault();
    const wanted = dateAfter(here.dataset.date, ...moves[event.key]);
    const next = cells.find((cell) => cell.dataset.date === wanted);
    if (!next) return;
    rove(cells, next);
    next.focus();
  });
}

function heatMap(svg) {
  const cells = [...svg.querySelectorAll("a")];
  if (!cells.length) return;
  const place = (cell) => cell.querySelector("rect").getBBox();
  // The nearest cell in a direction: `along` grows that way, `across` should stay the same.
  const nearest = (from, along, across) => cells
    .filter((cell) => along(place(cell), place(from)) > 1)
    .sort((one, two) => {
      const far = (cell) => along(place(cell), place(from)) + 1000 * Math.abs(across(place(cell), place(from)));
      return far(one) - far(two);
    })[0];
  const dx = (to, from) => to.x - from.x;
  const dy = (to, from) => to.y - from.y;
  const minus = (difference) => (to, from) => -difference(to, from);
  const moves = { ArrowRight: [dx, dy], ArrowLeft: [minus(dx), dy], ArrowDown: [dy, dx], ArrowUp: [minus(dy), dx] };
  rove(cells, cells[0]);
  svg.addEventListener("keydown", (event) => {
    const here = event.target.closest("a");
    if (!here || !(event.key in moves)) return;
    event.preventDefault();
    const next = nearest(here, ...moves[event.key]);
    if (!next) return;
    rove(cells, next);
    next.focus();
  });
}

document.querySelectorAll("[data-calendar]").forEach(calendar);
document.querySelectorAll("figure.chart svg[role=group]").forEach(heatMap);
