// Shows the person's local time beside each time in UTC, if the two differ.
const sentence = document.body.dataset.ownTime;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
// Day before month, as everywhere else on the page.
const language = { en: "en-GB" }[document.documentElement.lang] ?? document.documentElement.lang;
const read = (moment, timeZone, parts) => new Intl.DateTimeFormat(language, { timeZone, hourCycle: "h23", ...parts }).format(moment);
const clock = { hour: "2-digit", minute: "2-digit" };
const date = { day: "numeric", month: "short" };
const add = (root) => {
  for (const element of root.querySelectorAll("time[datetime]:not([data-own])")) {
    const moment = new Date(element.dateTime);
    element.dataset.own = "";
    const [day, time] = [date, clock].map((parts) => read(moment, zone, parts));
    const isSameDay = day === read(moment, "UTC", date);
    if (isSameDay && time === read(moment, "UTC", clock)) continue;
    const said = document.createElement("span");
    said.className = "own-time";
    said.textContent = ` (${sentence.replace("%s", isSameDay ? time : `${day}, ${time}`)})`;
    element.append(said);
  }
};
add(document);
document.addEventListener("htmx.after.swap", () => add(document));
