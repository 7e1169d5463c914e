// Errors that arrive while a person types are already shown; this script tells assistive technology which fields are
// invalid.
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
