// Helps htmx: moves the focus to where people continue, announces changes to screen readers, and loads the whole page
// on failure.
import { isFollow, look, show, stop } from "./follow.js";

const REGION = 'id="log"';
const END = 'id="log-end"';
const said = () => document.getElementById("said");
const say = (text) => { document.querySelector("[data-say]").textContent = text; };
const isEnd = (ctx) => ctx.sourceElement.id === "log-end";
const visit = (ctx) => location.assign(ctx.request.action);

addEventListener("htmx.before.request", (event) => {
  // Do not poll while the page is hidden.
  if (isFollow(event.detail.ctx) && document.hidden) event.preventDefault();
});
// A response without the list is another page, such as sign-in or an error. Show that page.
addEventListener("htmx.after.request", (event) => {
  const { ctx } = event.detail;
  if (isEnd(ctx) || isFollow(ctx)) {
    // Fragments that the page fetched automatically belong only in the list that requested them.
    if (!ctx.sourceElement.isConnected) event.preventDefault();
    else if (ctx.hx.refresh || ctx.response.status === 204 || ctx.text.includes(END)) return;
    else {
      event.preventDefault();
      if (isFollow(ctx)) stop();
    }
    return;
  }
  if (ctx.text.includes(REGION)) return;
  event.preventDefault();
  visit(ctx);
});
addEventListener("htmx.error", ({ detail: { ctx, error } }) => {
  if (!ctx || error.name === "AbortError") return;
  if (isFollow(ctx)) stop();
  else if (!isEnd(ctx)) visit(ctx);
});
addEventListener("htmx.before.swap", ({ detail: { ctx } }) => {
  if (isFollow(ctx)) look();
});
addEventListener("htmx.after.swap", ({ detail: { ctx } }) => {
  if (isFollow(ctx)) {
    const news = show();
    if (news) say(news);
    return;
  }
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
// Ignore the times while they are hidden.
addEventListener("change", ({ target }) => {
  if (!target.matches(".filters [name=range]")) return;
  for (const input of target.form.querySelectorAll(".dates input")) input.disabled = target.value !== "dates";
});
// Close the export menu after a format has been chosen.
addEventListener("click", ({ target }) => {
  const menu = target.closest(".menu-export li a")?.closest("details");
  if (menu) menu.open = false;
});
