// The link's secret is in the fragment of the address, which browsers send to nobody. Put it into the form, and take it
// out of the address bar, so that it is in no screenshot and no bookmark.
const form = document.querySelector("form[data-link]");
const read = () => {
  const secret = location.hash.slice(1);
  if (!form || !secret) return;
  form.elements.link.value = secret;
  form.querySelector("[data-paste]").hidden = true;
  history.replaceState(null, "", location.pathname);
};
read();
addEventListener("hashchange", read);
