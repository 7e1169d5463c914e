// Runs before the page is painted, so that no light page flashes in dark mode, and no secret is visible before it is
// hidden.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => { document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light"; };
document.documentElement.dataset.scripts = "on";
follow();
dark.addEventListener("change", follow);
