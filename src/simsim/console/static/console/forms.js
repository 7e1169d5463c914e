// Errors that arrive while one types are in the text already; this tells assistive technology which fields they are about.
const mark = () => {
  for (const field of document.querySelectorAll("[aria-describedby]")) {
    const [first] = field.getAttribute("aria-describedby").split(" ");
    const error = document.getElementById(first);
    if (error?.classList.contains("invalid-feedback")) {
      if (error.textContent.trim()) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }
};
document.addEventListener("htmx.after.swap", mark);
