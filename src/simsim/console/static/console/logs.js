// Around htmx: the focus goes where the reader goes on, changes are said aloud, and failures become ordinary visits.
const REGION = 'id="log"';
const said = () => document.getElementById("said");
const visit = (ctx) => location.assign(ctx.request.action);

// An answer without the list is another page: sign-in, or an error. It is shown as such.
addEventListener("htmx.after.request", (event) => {
  const { ctx } = event.detail;
  if (ctx.text.includes(REGION)) return;
  event.preventDefault();
  visit(ctx);
});
addEventListener("htmx.error", ({ detail: { ctx, error } }) => {
  if (ctx && error.name !== "AbortError") visit(ctx);
});
addEventListener("htmx.after.swap", ({ detail: { ctx } }) => {
  const panel = document.getElementById("shown");
  const closed = document.getElementById(ctx.sourceElement.dataset?.close);
  if (!panel) document.querySelector("[data-say]").textContent = said()?.textContent ?? "";
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
