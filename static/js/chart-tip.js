// Values under the pointer or the arrow keys. They are read from the table beside the chart, so that the two
// can never differ. The drawing says which dates lie where: data-first, data-last, data-left, data-right.
const DAY = 24 * 60 * 60 * 1000;

function readTable(table) {
  const heads = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  const rows = [...table.tBodies[0].rows].map((row) => {
    const time = row.cells[0].querySelector("time");
    const values = [...row.cells].slice(1).map((cell) => cell.textContent);
    return { at: time ? Date.parse(time.dateTime) : NaN, label: row.cells[0].textContent, values };
  });
  return { heads, rows: rows.filter((row) => !Number.isNaN(row.at)) };
}

function visibleDrawing(figure) {
  return [...figure.querySelectorAll("svg[data-first]")].find((svg) => svg.getBoundingClientRect().width > 0);
}

function scaleOf(svg) {
  const { first, last, left, right } = svg.dataset;
  const factor = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  return { first: Date.parse(first), last: Date.parse(last), left: left * factor, right: right * factor };
}

// The row in force on a date: the last that does not lie after it.
function rowAt(rows, time) {
  let found = 0;
  rows.forEach((row, index) => {
    if (row.at <= time + DAY / 2) found = index;
  });
  return found;
}

function fill(tip, heads, row) {
  const title = document.createElement("b");
  title.textContent = row.label;
  const list = document.createElement("dl");
  heads.forEach((head, index) => {
    const name = document.createElement("dt");
    const value = document.createElement("dd");
    name.textContent = head;
    value.textContent = row.values[index];
    list.append(name, value);
  });
  tip.replaceChildren(title, list);
}

function follow(figure, table) {
  const { heads, rows } = readTable(table);
  if (!rows.length || !visibleDrawing(figure)) return;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  figure.append(tip);
  figure.tabIndex = 0;
  figure.setAttribute("role", "group");
  figure.setAttribute("aria-label", "Chart. Left and right arrow keys read its values.");
  let current = 0;

  function show(index, top) {
    current = Math.min(Math.max(index, 0), rows.length - 1);
    fill(tip, heads, rows[current]);
    tip.hidden = false;
    const scale = scaleOf(visibleDrawing(figure));
    const share = (rows[current].at - scale.first) / (scale.last - scale.first || 1);
    const x = scale.left + share * (scale.right - scale.left);
    const room = figure.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, x + 12 > room ? Math.min(x - tip.offsetWidth - 12, room) : x + 12)}px`;
    tip.style.top = `${top}px`;
  }

  figure.addEventListener("pointermove", (event) => {
    const box = visibleDrawing(figure).getBoundingClientRect();
    const scale = scaleOf(visibleDrawing(figure));
    const x = event.clientX - box.left;
    if (x < scale.left - 4 || x > scale.right + 4) {
      tip.hidden = true;
      return;
    }
    const time = scale.first + ((x - scale.left) / (scale.right - scale.left)) * (scale.last - scale.first);
    show(rowAt(rows, time), event.clientY - box.top + 12);
  });
  figure.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  figure.addEventListener("blur", () => {
    tip.hidden = true;
  });
  figure.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: rows.length - 1 };
    if (event.key === "Escape") tip.hidden = true;
    if (!(event.key in moves)) return;
    event.preventDefault();
    show(tip.hidden ? current : moves[event.key], 16);
  });
}

document.querySelectorAll("figure.chart").forEach((figure) => {
  const table = figure.parentElement.querySelector("details.data table");
  if (table) follow(figure, table);
});
