// Turns a long select into a searchable field (WAI-ARIA combobox with a list). The select keeps the value.
const initials = (name) => name.split(/\s+/).slice(0, 2).map((word) => word[0]).join("").toUpperCase();
// Compares names as the server does: regardless of case, width and composed characters.
const folded = (text) => text.normalize("NFKC").toLowerCase();

const enhance = (select) => {
  const field = document.createElement("input");
  const list = document.createElement("ul");
  const id = select.id;
  select.id = `${id}_value`;
  select.hidden = true;
  list.id = `${id}_list`;
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", select.dataset.choices);
  const attributes = {
    id, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", class: "form-select",
    placeholder: select.options[0].text,
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
    "aria-describedby": select.getAttribute("aria-describedby"),
  };
  for (const [name, value] of Object.entries(attributes)) field.setAttribute(name, value);
  const frame = document.createElement("div");
  frame.className = "picker";
  frame.append(field, list);
  select.after(frame);
  if (select.autofocus) field.focus();

  let active = -1;
  const isOpen = () => !list.hidden;
  const rest = () => { field.value = select.value ? select.selectedOptions[0].text : ""; };
  const close = () => {
    list.hidden = true;
    active = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const point = (index) => {
    const items = list.querySelectorAll("[role=option]");
    items[active]?.classList.remove("is-active");
    active = items.length ? (index + items.length) % items.length : -1;
    items[active]?.classList.add("is-active");
    items[active]?.scrollIntoView({ block: "nearest" });
    if (items[active]) field.setAttribute("aria-activedescendant", items[active].id);
    else field.removeAttribute("aria-activedescendant");
  };
  const choose = (value) => {
    select.value = value;
    rest();
    close();
    select.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const row = (option, number) => {
    const item = document.createElement("li");
    const mark = document.createElement("span");
    item.id = `${id}_option_${number}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(option.selected));
    mark.className = "initials";
    mark.setAttribute("aria-hidden", "true");
    mark.textContent = option.value ? initials(option.text) : "–";
    item.append(mark, option.text);
    item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(option.value); });
    item.dataset.value = option.value;
    return item;
  };
  const open = (text) => {
    const wanted = folded(text.trim());
    const found = [...select.options].filter((option) => folded(option.text).includes(wanted));
    list.replaceChildren(...found.map(row));
    if (!found.length) {
      const none = document.createElement("li");
      none.setAttribute("role", "presentation");
      none.textContent = select.dataset.nothing;
      list.append(none);
    }
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    point(wanted && found.length ? 0 : found.findIndex((option) => option.selected));
  };
  field.addEventListener("click", () => { if (!isOpen()) { field.select(); open(""); } });
  field.addEventListener("input", (event) => { event.stopPropagation(); open(field.value); });
  field.addEventListener("blur", () => {
    if (!field.value.trim() && select.value) choose("");
    rest();
    close();
  });
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (isOpen()) point(active + step);
      else open("");
    } else if (event.key === "Enter" && isOpen()) {
      event.preventDefault();
      const item = list.querySelectorAll("[role=option]")[active];
      if (item) choose(item.dataset.value);
      else close();
    } else if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      rest();
      close();
    }
  });
  rest();
};

for (const select of document.querySelectorAll("select[data-picker]")) enhance(select);
