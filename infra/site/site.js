// What the theme lacks for screen readers and keyboards: the search's name, and focus on what scrolls.
window.addEventListener("load", () => {
  document.querySelectorAll('[data-md-component="search"]').forEach((dialog) => {
    dialog.setAttribute("aria-label", "Search");
  });
  document.querySelectorAll(".output, .md-typeset__scrollwrap, pre > code").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  });
});
