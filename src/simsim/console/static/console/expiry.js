// Choosing a date also selects "On a date". A lifetime longer than recommended highlights the recommendation.
const form = document.querySelector("[data-recommended-until]");
const date = form?.querySelector("input[type=date]");
const onADate = form?.querySelector("input[name=expires][value=date]");
const advice = form?.querySelector("[data-advice]");
const isLong = () => {
  const chosen = form.querySelector("input[name=expires]:checked");
  if (chosen === onADate) return date.value > form.dataset.recommendedUntil;
  return chosen?.hasAttribute("data-long") ?? false;
};
const show = () => advice.classList.toggle("is-due", isLong());
if (form) {
  date.addEventListener("input", () => { onADate.checked = true; show(); });
  form.addEventListener("change", show);
  show();
}
