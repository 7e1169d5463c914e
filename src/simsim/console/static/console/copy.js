// A button with data-copy copies the text of the element with that id to the clipboard, and says so.
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
