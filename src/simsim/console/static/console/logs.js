// Around htmx: the focus goes where the reader goes on, changes are said aloud, and failures become ordinary visits.
const REGION = 'id="log"';
const END = 'id="log-end"';
const said = () => document.getElementById("said");
const say = (text) => { document.querySelector("[data-say]").textContent = text; };
const isEnd = (ctx) => ctx.sourceElement.id === "log-end";
const visit = (ctx) => location.assign(ctx.request.action);

// An answer without the list is another page: sign-in, or an error. It is shown as such.
addEventListener("htmx.after.request", (event) => {
  const { ctx } = event.detail;
  if (isEnd(ctx)) {
    // What the search goes on with has a place only in the list that asked. Without an answer, the link goes on.
    if (!ctx.sourceElement.isConnected || (!ctx.text.includes(END) && !ctx.hx.refresh)) event.preventDefault();
    return;
  }
  if (ctx.text.includes(REGION)) return;
  event.preventDefault();
  visit(ctx);
});
addEventListener("htmx.error", ({ detail: { ctx, error } }) => {
  if (ctx && !isEnd(ctx) && error.name !== "AbortError") visit(ctx);
});
addEventListener("htmx.after.swap", ({ detail: { ctx } }) => {
  if (isEnd(ctx)) {
    if (!document.querySelector("#log-end[data-hx-get]")) say(said()?.textContent ?? "");
    return;
  }
  const panel = document.getElementById("shown");
  const closed = document.getElementById(ctx.sourceElement.dataset?.close);
  if (!panel) say(said()?.textContent ?? "");
  if (panel) panel.focus();
  else if (closed) closed.focus({ preventScroll: true });
  else if (document.activeElement === document.body) {
    (document.querySelector('#log [aria-invalid="true"]') ?? said())?.focus({ preventScroll: true });
  }
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("details.menu[open]")) return;
  document.querySelector("[data-close]")?.click();
});
// Times that are hidden again don't count.
addEventListener("change", ({ target }) => {
  if (!target.matches(".filters [name=range]")) return;
  for (const input of target.form.querySelectorAll(".dates input")) input.disabled = target.value !== "dates";
});
// What was chosen from a menu is on its way: the menu has done its work.
addEventListener("click", ({ target }) => {
  const menu = target.closest(".menu-export li a")?.closest("details");
  if (menu) menu.open = false;
});
