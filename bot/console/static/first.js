// Runs before the first paint so that the page never flashes in the wrong colours.
(() => {
  try {
    const theme = localStorage.getItem("sandrail.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's colours are fine.
  }
})();
