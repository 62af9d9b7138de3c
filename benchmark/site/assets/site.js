// Tables that can be sorted and filtered, with the view in the address; without this script they are plain tables.
"use strict";
(() => {
  const cells = (row) => [...row.cells];
  const numberOf = (value) => {
    const plain = value.replace("−", "-").replace(/^[*+]\s*/, "");
    return plain !== "" && !Number.isNaN(Number(plain)) ? Number(plain) : null;
  };
  const keyOf = (cell) => {
    const own = cell.dataset.v ?? cell.textContent.trim();
    return numberOf(own) ?? own.toLowerCase();
  };
  const before = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  };

  function sort(table, column, descending) {
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row, place) => [keyOf(row.cells[column]), place, row]);
    keyed.sort(([a, i], [b, j]) => (a === "" || b === "" ? before(a, b) : descending ? before(b, a) : before(a, b)) || i - j);
    body.append(...keyed.map(([, , row]) => row));
    [...table.tHead.rows[0].cells].forEach((head, number) => {
      if (number === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  function makeSortable(table, changed) {
    if (!table.tHead) return;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        sort(table, column, down);
        changed({ sort: `${column}${down ? "-" : ""}` });
      });
    });
  }

  // The view is in the address after #, as KEY=VALUE&…, beside which an anchor has no =.
  const stated = () => new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  function state(changes) {
    const now = stated();
    for (const [key, value] of Object.entries(changes)) value ? now.set(key, value) : now.delete(key);
    history.replaceState(null, "", now.size ? `#${now}` : location.pathname.split("/").pop() || "#");
  }

  function filter(form, table) {
    const wanted = Object.fromEntries(new FormData(form));
    const words = (wanted.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const has = (row.searched ??= row.textContent.toLowerCase());
      const fits = words.every((word) => has.includes(word)) && Object.entries(wanted).every(
        ([key, value]) => key === "q" || !value || (row.dataset[key] ?? "").split("|").includes(value) || row.dataset[key] === value);
      row.hidden = !fits;
      shown += fits;
    }
    form.querySelector(".count").textContent = `${shown} of ${table.tBodies[0].rows.length} rows`;
  }

  // What a spreadsheet would take for a formula begins with a quotation mark, as in the reports' own files.
  function field(value) {
    const minus = value.replace(/−(?=[\d.])/g, "-");
    const safe = /^[\s']*[=+\-@＝＋－＠]/.test(minus) && Number.isNaN(Number(minus)) ? `'${minus}` : minus;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }
  function csv(table) {
    const rows = [...table.rows].filter((row) => !row.hidden && !row.closest(".popover"));
    const lines = rows.map((row) => cells(row).map((cell) => {
      const copy = cell.cloneNode(true);
      copy.querySelectorAll(".popover").forEach((part) => part.remove());
      copy.querySelectorAll("br").forEach((part) => part.replaceWith(" "));
      return field(copy.textContent.replace(/\s+/g, " ").trim());
    }).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = `${document.title.replace(/[^\w]+/g, "-").toLowerCase()}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function view(table) {
    const form = document.querySelector(`form[data-for="${table.id}"]`);
    makeSortable(table, state);
    if (!form) return;
    form.hidden = false;
    const restore = () => {
      const now = stated();
      for (const control of form.elements) if (control.name) control.value = now.get(control.name) ?? "";
      const column = /^(\d+)(-?)$/.exec(now.get("sort") ?? "");
      if (column && Number(column[1]) < table.tHead.rows[0].cells.length) sort(table, Number(column[1]), column[2] === "-");
      filter(form, table);
    };
    form.addEventListener("input", () => {
      filter(form, table);
      state(Object.fromEntries(new FormData(form)));
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector("[data-csv]").addEventListener("click", () => csv(table));
    addEventListener("hashchange", () => stated().size && restore());
    restore();
  }

  // The seeds of a cell show beside their button: on a click by the browser itself, on hover and focus from here.
  function seeds(button) {
    const box = document.getElementById(button.getAttribute("popovertarget"));
    const open = () => { if (!box.matches(":popover-open")) box.showPopover(); };
    const place = () => {
      const at = button.getBoundingClientRect(), size = box.getBoundingClientRect();
      const below = at.bottom + size.height < innerHeight;
      box.style.margin = "0";
      box.style.inset = "auto";
      box.style.left = `${Math.max(4, Math.min(at.left, innerWidth - size.width - 4))}px`;
      box.style.top = `${below ? at.bottom : Math.max(4, at.top - size.height)}px`;
    };
    box.addEventListener("toggle", () => box.matches(":popover-open") && place());
    let timer;
    const later = (action, wait) => { clearTimeout(timer); timer = setTimeout(action, wait); };
    button.addEventListener("mouseenter", () => later(open, 150));
    button.addEventListener("focus", () => button.matches(":focus-visible") && open());
    for (const part of [button, box]) part.addEventListener("mouseleave", () => later(() => box.hidePopover(), 250));
    box.addEventListener("mouseenter", () => clearTimeout(timer));
    addEventListener("scroll", () => box.matches(":popover-open") && box.hidePopover(), { passive: true });
  }

  const signed = (value) => (value === null ? "–" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`);
  const interval = ([mean, low, high]) => signed(mean) + (low === null ? "" : ` [${signed(low)}, ${signed(high)}]`);

  function compare(form) {
    const table = document.getElementById("compared");
    const places = new Map();
    for (const [title, path, model, task, method, ...gain] of JSON.parse(document.getElementById("gains").textContent)) {
      const key = JSON.stringify([path, model, task]);
      if (!places.has(key)) places.set(key, { title, path, model, task, gains: new Map() });
      places.get(key).gains.set(method, gain);
    }
    const cell = (row, content, name, value) => {
      const made = row.insertCell();
      made.className = name;
      made.append(content);
      if (value !== undefined) made.dataset.v = value;
    };
    const show = () => {
      const [a, b] = [form.elements.a.value, form.elements.b.value];
      const body = table.tBodies[0];
      body.replaceChildren();
      let higher = 0;
      for (const { title, path, model, task, gains } of places.values()) {
        const [first, second] = [gains.get(a), gains.get(b)];
        if (!first || !second) continue;
        const row = body.insertRow(), link = document.createElement("a");
        link.href = path;
        link.textContent = title;
        cell(row, link, "name long");
        cell(row, model, "name");
        cell(row, task, "name");
        cell(row, interval(first), "", first[0]);
        cell(row, interval(second), "", second[0]);
        cell(row, signed(first[0] - second[0]), "", first[0] - second[0]);
        higher += first[0] > second[0];
      }
      form.querySelector(".count").textContent = body.rows.length
        ? `${a} has the higher mean in ${higher} of ${body.rows.length} cells` : "no table has measured both in one cell";
    };
    form.hidden = false;
    makeSortable(table, state);
    const pair = [...places.values()].map(({ gains }) => [...gains.keys()]).find((methods) => methods.length > 1) ?? [];
    const restore = () => {
      const now = stated();
      form.elements.a.value = pair[0] ?? form.elements.a.options[0].value;
      form.elements.b.value = pair[1] ?? form.elements.b.options[1].value;
      for (const name of ["a", "b"]) if (now.get(name)) form.elements[name].value = now.get(name);
      show();
    };
    form.addEventListener("input", () => { show(); state(Object.fromEntries(new FormData(form))); });
    form.querySelector("[data-csv]").addEventListener("click", () => csv(table));
    addEventListener("hashchange", () => stated().size && restore());
    restore();
  }

  document.querySelectorAll("table.view").forEach(view);
  document.querySelectorAll("table.sortable:not(.view):not(#compared)").forEach((table) => makeSortable(table, () => {}));
  document.querySelectorAll("button.seeds").forEach(seeds);
  const form = document.getElementById("compare");
  if (form) compare(form);
})();
