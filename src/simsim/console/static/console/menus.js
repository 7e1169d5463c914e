// Menus are <details>, which open without a script. This script closes them as people expect.
const open = () => document.querySelectorAll("details.menu[open]");
addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
});
// On a narrow screen, the main menu is one line that scrolls: show the entry of the current page.
const ways = document.querySelector(".ways");
const here = ways?.querySelector("[aria-current]");
if (here) ways.scrollLeft = here.offsetLeft - (ways.clientWidth - here.offsetWidth) / 2;
