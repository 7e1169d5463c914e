// Runs before the page is painted, so that no light page flashes in a dark room.
document.body.dataset.theme = localStorage.getItem("theme") || "auto";
