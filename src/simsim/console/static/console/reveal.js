// Hides secrets until they are asked for. Without scripts they are simply shown, so that nobody is locked out.
for (const button of document.querySelectorAll("button[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  const label = button.querySelector("[data-label]");
  const [show, hide] = [label.textContent, button.dataset.hide];
  const set = (shown) => {
    field.type = shown ? "text" : "password";
    label.textContent = shown ? hide : show;
    button.setAttribute("aria-pressed", String(shown));
  };
  set(false);
  field.classList.add("is-ready");
  button.hidden = false;
  button.addEventListener("click", () => set(field.type === "password"));
}
