// Helps htmx refresh the operator's pages: pauses while nobody looks, and says when the console does not answer.
const REGION = 'id="live"';
const warn = (isStopped) => {
  const notice = document.querySelector("[data-stopped]");
  if (notice) notice.hidden = !isStopped;
};
addEventListener("htmx.before.request", (event) => {
  if (document.hidden) event.preventDefault();
});
addEventListener("htmx.after.request", (event) => {
  const { ctx } = event.detail;
  if (ctx.hx.refresh || ctx.sourceElement.id !== "live") return;
  const isPage = ctx.response.status === 200 && ctx.text.includes(REGION);
  warn(!isPage);
  if (isPage) return;
  event.preventDefault();
  // Somebody who is no longer an operator, or no longer signed in, must not keep reading what the page showed.
  if (ctx.response.status < 500) location.reload();
});
addEventListener("htmx.error", ({ detail: { ctx, error } }) => {
  if (ctx?.sourceElement.id === "live" && error.name !== "AbortError") warn(true);
});
