"use strict";
// Everything is on the page already. This adds what only a script can: filters, copying, packed evidence.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const criteria = all("details.criterion");
all(".needs-script").forEach((element) => { element.hidden = false; });

// The colours, kept where the browser lets a file keep anything.
const themes = all('[name="theme"]');
const memory = {
  get() { try { return localStorage.getItem("gonogo-theme"); } catch { return null; } },
  set(value) { try { localStorage.setItem("gonogo-theme", value); } catch { /* a file without storage */ } },
};
themes.forEach((radio) => {
  radio.checked = radio.value === (memory.get() || "auto");
  radio.addEventListener("change", () => memory.set(radio.value));
});

// The filter; its state is the hash, so that a filtered view is a link.
const form = document.getElementById("filter");
const chosen = (name) => all(`[name="${name}"]:checked`, form).map((box) => box.value);
const texts = new Map();
const textOf = (row) => {
  if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
  return texts.get(row);
};
function apply() {
  const words = form.q.value.toLowerCase().split(/\s+/).filter(Boolean);
  const outcomes = chosen("outcome");
  const levels = chosen("level");
  let shown = 0;
  for (const row of criteria) {
    const fits = (!outcomes.length || outcomes.includes(row.dataset.outcome))
      && (!levels.length || levels.includes(row.dataset.level))
      && words.every((word) => textOf(row).includes(word));
    row.hidden = !fits;
    shown += fits;
  }
  for (const level of all("section.level")) level.hidden = !level.querySelector("details.criterion:not([hidden])");
  form.querySelector("output").textContent = shown === criteria.length
    ? `All ${shown} criteria` : `${shown} of ${criteria.length} criteria`;
}
function remember() {
  const state = new URLSearchParams();
  if (form.q.value) state.set("q", form.q.value);
  for (const name of ["outcome", "level"]) if (chosen(name).length) state.set(name, chosen(name).join(","));
  history.replaceState(null, "", state.size ? `#?${state}` : location.pathname + location.search);
}
function restore() {
  const hash = location.hash;
  const state = new URLSearchParams(hash.startsWith("#?") ? hash.slice(2) : "");
  if (hash.startsWith("#?") || !hash) {
    form.q.value = state.get("q") || "";
    for (const name of ["outcome", "level"]) {
      const values = (state.get(name) || "").split(",");
      all(`[name="${name}"]`, form).forEach((box) => { box.checked = values.includes(box.value); });
    }
    apply();
    return;
  }
  const target = document.getElementById(decodeURIComponent(hash.slice(1)));
  const row = target && target.closest("details");
  if (!row) return;
  if (row.hidden) { form.reset(); apply(); }
  row.open = true;
  row.scrollIntoView({ block: "start" });
}
form.addEventListener("input", () => { apply(); remember(); });
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(() => { apply(); remember(); }));
form.addEventListener("click", (event) => {
  const what = event.target.dataset.do;
  if (what) criteria.forEach((row) => { if (!row.hidden) row.open = what === "open"; });
});
addEventListener("hashchange", restore);
apply();
restore();

// Copying.
async function copy(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { return false; }
}
all("pre[data-copy]").forEach((block) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const done = await copy(block.textContent);
    if (!done) getSelection().selectAllChildren(block);
    button.textContent = done ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  const frame = document.createElement("div");
  frame.className = "with-copy";
  block.replaceWith(frame);
  frame.append(block, button);
});

// Evidence that is packed at the end of the file.
async function unpack(id) {
  const packed = atob(document.getElementById(id).textContent.trim());
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
all("button[data-blob]").forEach((button) => button.addEventListener("click", async () => {
  const piece = button.closest("details");
  button.disabled = true;
  try {
    piece.querySelector("pre code").textContent = await unpack(button.dataset.blob);
    all("p.quiet", piece).forEach((note) => note.remove());
  } catch (error) {
    button.textContent = `This browser cannot unpack it: ${error.message}`;
  }
}));
