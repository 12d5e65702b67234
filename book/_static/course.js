// What the pages need beside the theme's own scripts.

// A page opened from a folder may not read its neighbours: search shows titles without excerpts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Excerpts of found pages show words, not the source of their formulas.
window.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const text = Search.htmlToText;
  Search.htmlToText = (...page) => text(...page).replace(/\\\[.*?\\\]|\\\(.*?\\\)/gs, "…");
});

// Paper cannot unfold: open every solution for printing, and fold it again afterwards.
const unfolded = [];
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    unfolded.push(details);
  }
});
window.addEventListener("afterprint", () => {
  for (const details of unfolded.splice(0)) details.open = false;
});
