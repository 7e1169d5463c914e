// Hides secrets until someone asks for them, and again after a minute. Without scripts they are always visible, so that
// people can still use them.
const SHOWN_MILLISECONDS = 60_000;
for (const button of document.querySelectorAll("button[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  const label = button.querySelector("[data-label]");
  const [show, hide] = [label.textContent, button.dataset.hide];
  let timer;
  const set = (shown) => {
    field.type = shown ? "text" : "password";
    label.textContent = shown ? hide : show;
    button.setAttribute("aria-pressed", String(shown));
    clearTimeout(timer);
    if (shown) timer = setTimeout(() => set(false), SHOWN_MILLISECONDS);
  };
  set(false);
  field.classList.add("is-ready");
  button.hidden = false;
  button.addEventListener("click", () => set(field.type === "password"));
}
// A secret that was shown on request is removed from the page. The next person must ask for it again, which is
// recorded.
for (const part of document.querySelectorAll("[data-hide-after]")) {
  const after = part.nextElementSibling;
  setTimeout(() => part.replaceWith(after.content.cloneNode(true)), Number(part.dataset.hideAfter) * 1000);
}
