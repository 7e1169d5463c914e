// Buttons with data-copy put the text of the element of that id on the clipboard, and say so.
const SAID_MILLISECONDS = 2000;
for (const button of document.querySelectorAll("button[data-copy]")) {
  const label = button.querySelector("[data-label]");
  const before = label.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    label.textContent = button.dataset.done;
    setTimeout(() => { label.textContent = before; }, SAID_MILLISECONDS);
  });
}
