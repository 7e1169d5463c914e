// Text becomes HTML only through this policy (Trusted Types): the browser refuses all other text that a script would turn
// into code. htmx and the dialogs parse the console's own pages with it, and the documentation's search loads its index.
// What could run as a script is refused, whoever wrote it, although no page of ours contains such text.
if (window.trustedTypes) {
  const inert = trustedTypes.createPolicy("simsim-inert", { createHTML: (text) => text });
  const isOurs = (address) => new URL(address, location.href).origin === location.origin;
  const links = ["href", "xlink:href", "src", "action", "formaction"];
  const runs = ({ name, value }) => name.startsWith("on") || name === "srcdoc"
    || (links.includes(name) && /^[\s\0-\x1f]*javascript:/i.test(value));
  const isActive = (root) => [...root.querySelectorAll("*")].some((each) =>
    (each.localName === "script" && !(each.src ? isOurs(each.src) : each.type === "application/json"))
    || [...each.attributes].some(runs)
    || (each.localName === "template" && isActive(each.content)));
  trustedTypes.createPolicy("default", {
    createHTML: (text) => {
      // A parsed page that is not shown runs nothing.
      const page = new DOMParser().parseFromString(inert.createHTML(text), "text/html");
      if (!isActive(page)) return text;
      console.error("Simsim refused HTML that could run a script.");
      return null;
    },
    createScriptURL: (address) => (isOurs(address) ? address : null),
  });
}
