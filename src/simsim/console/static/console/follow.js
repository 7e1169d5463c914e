// Following the log: htmx fetches the list when it has changed. This script marks new requests, and stops on an error.
const MARKED_MS = 4000;
const rows = () => [...document.querySelectorAll("#found > tr")];
let known = new Set();

export const isFollow = (ctx) => ctx.sourceElement.id === "follow";
// Remembers the requests in the list, just before it changes.
export const look = () => { known = new Set(rows().map((row) => row.id)); };
// Marks the requests that are new in the list for a moment; returns a sentence with their number, or "" if there are
// none.
export const show = () => {
  // Requests below the last known one are older, not new: they may have moved up.
  const last = rows().findLastIndex((row) => known.has(row.id));
  const fresh = rows().filter((row, index) => !known.has(row.id) && (index < last || last < 0));
  for (const row of fresh) {
    row.classList.add("is-fresh");
    setTimeout(() => row.classList.remove("is-fresh"), MARKED_MS);
  }
  const sentence = document.getElementById("follow")?.dataset.fresh ?? "";
  return fresh.length ? sentence.replace("%s", fresh.length) : "";
};
export const stop = () => {
  const follow = document.getElementById("follow");
  if (!follow) return;
  // htmx keeps polling as long as the polling element exists.
  const stopped = follow.cloneNode(true);
  for (const name of stopped.getAttributeNames()) if (name.startsWith("data-hx")) stopped.removeAttribute(name);
  stopped.querySelector(".log-follow-on").remove();
  stopped.querySelector("[data-stopped]").hidden = false;
  follow.replaceWith(stopped);
};
