// Links with data-dialog show a part of their page, chosen by the selector, in a dialog. Without scripts, they open the
// page.
const dialog = document.getElementById("dialog");
const open = async (link) => {
  const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = page.querySelector(link.dataset.dialog);
  if (!answer.ok || !part) throw new Error("nothing to show");
  dialog.replaceChildren(document.adoptNode(part));
  dialog.setAttribute("aria-labelledby", part.querySelector("h1").id);
  dialog.showModal();
};
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (dialog && link && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    event.preventDefault();
    open(link).catch(() => location.assign(link.href));
  } else if (dialog?.open && (event.target === dialog || event.target.closest("[data-close]"))) {
    event.preventDefault();
    dialog.close();
  }
});
