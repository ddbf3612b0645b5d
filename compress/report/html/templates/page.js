"use strict";
// Without this script the page still shows every table, drawing and crop; it adds sorting and the slider.

function sortable(table) {
  const body = table.tBodies[0];
  const headings = Array.from(table.tHead.rows[0].cells);
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = Array.from(body.rows);
      rows.sort((one, other) => compare(valueOf(one, column), valueOf(other, column), down ? -1 : 1));
      body.append(...rows);
    });
  });
}

function valueOf(row, column) {
  const cell = row.cells[column];
  const text = "value" in cell.dataset ? cell.dataset.value : cell.textContent.trim();
  return cell.classList.contains("figure") ? (text === "" ? NaN : Number(text)) : text;
}

function compare(one, other, sign) {
  if (typeof one === "string") return sign * one.localeCompare(other, undefined, { numeric: true });
  if (Number.isNaN(one) || Number.isNaN(other)) return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
  return sign * (one - other);
}

function viewer(root) {
  const find = (name) => root.querySelector("." + name);
  const boards = Array.from(root.parentElement.querySelectorAll(".board"));
  const picks = { image: find("pick-image"), left: find("pick-left"), right: find("pick-right") };
  const stage = find("stage"), position = find("position"), gain = find("gain");

  const current = () => boards[picks.image.selectedIndex];
  const tile = (kind) => current().querySelector('.tile[data-kind="' + CSS.escape(kind) + '"]');

  function fill(select, tiles, wanted) {
    const texts = tiles.map((each) => [each.dataset.label, each.dataset.kind]);
    select.replaceChildren(...texts.map(([label, kind]) => new Option(label, kind)));
    select.value = texts.some(([, kind]) => kind === wanted) ? wanted : texts[0][1];
  }

  function place() {
    const share = Number(position.value);
    find("over").style.clipPath = "inset(0 " + (100 - share) + "% 0 0)";
    find("edge").style.left = share + "%";
  }

  function show() {
    const [left, right] = [tile(picks.left.value), tile(picks.right.value)];
    for (const each of current().querySelectorAll(".tile")) {
      each.classList.toggle("left", each === left);
      each.classList.toggle("right", each === right);
    }
    copy(left, find("over"));
    copy(right, find("under"));
    place();
    const words = current().dataset.image + ": left " + left.dataset.label + ", right " + right.dataset.label;
    find("said").textContent = words;
    errors();
  }

  function copy(from, to) {
    const picture = from.querySelector("img");
    to.src = picture.src;
    to.alt = picture.alt;
  }

  function choose() {
    boards.forEach((board) => { board.hidden = board !== current(); });
    const tiles = Array.from(current().querySelectorAll(".tile"));
    fill(picks.left, tiles, picks.left.value || root.dataset.left);
    fill(picks.right, tiles, picks.right.value || root.dataset.right);
    show();
  }

  function errors() {
    find("gain-text").textContent = gain.value + "×";
    for (const side of ["left", "right"]) {
      const shown = tile(picks[side].value), truth = current().querySelector('.tile[data-kind^="truth"]');
      const canvas = find("error-" + side), words = canvas.parentElement.querySelector("figcaption");
      words.textContent = "|" + shown.dataset.label + " − " + truth.dataset.label + "| × " + gain.value;
      Promise.all([decoded(shown), decoded(truth)]).then(([one, other]) => {
        if (shown === tile(picks[side].value)) amplify(canvas, one, other, Number(gain.value));
      });
    }
  }

  picks.image.replaceChildren(...boards.map((board) => new Option(board.dataset.image)));
  picks.image.addEventListener("change", choose);
  picks.left.addEventListener("change", show);
  picks.right.addEventListener("change", show);
  position.addEventListener("input", place);
  gain.addEventListener("input", errors);
  const drag = (event) => {
    const box = stage.getBoundingClientRect();
    position.value = String(Math.round(100 * (event.clientX - box.left) / box.width));
    place();
  };
  stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); drag(event); });
  stage.addEventListener("pointermove", (event) => { if (event.buttons) drag(event); });
  for (const link of document.querySelectorAll("a.to-look")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();  // following the link would take the focus away again
      picks.image.selectedIndex = boards.findIndex((board) => board.dataset.image === link.dataset.image);
      choose();
      root.parentElement.scrollIntoView();
      picks.image.focus({ preventScroll: true });
    });
  }
  root.hidden = false;
  choose();
}

async function decoded(tile) {
  const picture = tile.querySelector("img");
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function amplify(canvas, one, other, gain) {
  canvas.width = one.width;
  canvas.height = one.height;
  const made = new ImageData(one.width, one.height);
  for (let at = 0; at < made.data.length; at += 1) {
    made.data[at] = at % 4 === 3 ? 255 : gain * Math.abs(one.data[at] - other.data[at]);
  }
  canvas.getContext("2d").putImageData(made, 0, 0);
}

document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll(".viewer").forEach(viewer);
