// The search: Ctrl-K and "/" open it in a dialog, and it finds while people type. Without scripts, its link opens a page.
// WCAG 2.1.4: people can turn off the key "/", because speech input may type it by mistake.
const link = document.querySelector("a[data-search]");
const WAIT_MS = 120;
const page = (text) => new DOMParser().parseFromString(text, "text/html");
let dialog;
let loading;

const begin = (search) => {
  const form = search.querySelector("form");
  const field = form.elements.q;
  const results = () => [...search.querySelectorAll("#found a")];
  let asking = new AbortController();
  let timer;

  const look = async () => {
    clearTimeout(timer);
    asking.abort();
    asking = new AbortController();
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), signal: asking.signal });
    const found = page(await answer.text()).getElementById("found");
    // Another page than ours: the session has ended, or the search failed.
    if (!answer.ok || !found) return location.assign(link.href);
    search.querySelector("#found").replaceWith(document.adoptNode(found));
    search.querySelector("#search-said").textContent =
      found.querySelector(".nothing")?.textContent.trim() ?? (field.value ? found.dataset.said : "");
  };
  const lookUnlessAborted = () => look().catch((error) => {
    if (error.name !== "AbortError") location.assign(link.href);
  });
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(lookUnlessAborted, WAIT_MS);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await lookUnlessAborted();
    results()[0]?.click();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && dialog) {
      // Otherwise, the browser would only empty the field.
      event.preventDefault();
      dialog.close();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const stops = [field, ...results()];
    const at = stops.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    stops[(at + step + stops.length) % stops.length].focus();
  });
  const keys = search.querySelector(".search-keys");
  keys.hidden = false;
  keys.querySelector("[name=slash]").addEventListener("change", ({ target }) => {
    const body = new FormData(form);
    body.delete("q");
    body.set("slash", target.checked ? "on" : "off");
    link.dataset.search = target.checked ? "/" : "";
    fetch(form.action, { method: "POST", body });
  });
};

const load = async () => {
  const search = page(await (await fetch(link.href)).text()).getElementById("search");
  if (!search) throw new Error("nothing to show");
  dialog = document.createElement("dialog");
  dialog.className = "search-dialog";
  dialog.setAttribute("aria-labelledby", "search-title");
  dialog.append(document.adoptNode(search));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  begin(search);
};

const open = async () => {
  const here = document.getElementById("search");
  if (here && !dialog) return here.querySelector("form").elements.q.focus();
  // Whoever presses a key twice waits for the same dialog.
  loading ??= load();
  await loading;
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[name=q]").select();
};

if (link) {
  const here = document.getElementById("search");
  if (here) begin(here);
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    open().catch(() => location.assign(link.href));
  });
  addEventListener("keydown", (event) => {
    const isTyping = event.target.matches?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
    const isSlash = event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey && link.dataset.search;
    const isControlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    // Another dialog asks something that has to be answered first.
    if ((!isSlash && !isControlK) || document.querySelector("dialog[open]:not(.search-dialog)")) return;
    event.preventDefault();
    open().catch(() => location.assign(link.href));
  });
}
