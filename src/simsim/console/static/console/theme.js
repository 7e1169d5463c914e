// Runs before the page is painted, so that no light page flashes in a dark room, and no secret before it is hidden.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => { document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light"; };
document.documentElement.dataset.scripts = "on";
follow();
dark.addEventListener("change", follow);
