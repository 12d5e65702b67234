// What the pages need beside the theme's own scripts.

// A page opened from a folder may not read its neighbours: search shows titles without excerpts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Excerpts of found pages show words, not the source of their formulas.
window.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const text = Search.htmlToText;
  Search.htmlToText = (...page) => text(...page).replace(/\\\[.*?\\\]|\\\(.*?\\\)/gs, "…");
});

// Paper cannot unfold and is white: open every solution for printing, in light colours, and put
// everything back afterwards.
const page = document.documentElement;
const unfolded = [];
let worn = null;
window.addEventListener("beforeprint", () => {
  worn ??= page.dataset.theme;
  page.dataset.theme = "light";
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    unfolded.push(details);
  }
});
window.addEventListener("afterprint", () => {
  if (worn) page.dataset.theme = worn;
  worn = null;
  for (const details of unfolded.splice(0)) details.open = false;
});
