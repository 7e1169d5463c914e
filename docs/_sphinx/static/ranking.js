// Ranks the pages for a question. Sphinx's own search returns only pages that contain every word of it.
"use strict";
(() => {
  const IN_TEXT = 1, IN_HEADING = 3, IN_TITLE = 5, PART_OF_WORD = 0.3;
  const MIN_PART = 4, MIN_SHARE = 0.25, MIN_HEADING_SHARE = 0.5;
  // Readers ask how, and rarely why: pages that explain come before lists, and those before pages of record.
  const OF_RECORD = /^(decisions\/|design\/|requirements$|reference\/changes$)/, LISTS = /^(reference\/|index$|\w+\/index$)/;
  const weightOf = (page) => (OF_RECORD.test(page) ? 0.4 : LISTS.test(page) && !/^(start|security)/.test(page) ? 0.8 : 1);
  const stemmer = new Stemmer();
  const stems = (text) => new Set(splitQuery(text.toLowerCase()).filter((word) => !stopwords.has(word)).map((word) => stemmer.stemWord(word)));
  const listed = (files) => (files === undefined ? [] : [files].flat());

  // Statuses such as 401 are words that people search for.
  Search._parseQuery = (query) => {
    const words = stems(query);
    localStorage.setItem("sphinx_highlight_terms", [...words].join(" "));
    return [query, words, new Set(), words, new Set()];
  };

  const otherWords = Object.fromEntries(Object.entries(OTHER_WORDS).map(([page, text]) => [page, stems(text)]));
  const isInTitle = (word, page, title) => stems(title).has(word) || Boolean(otherWords[page]?.has(word));

  // Returns the weight that each page has for a word, from the index of texts and the index of headings.
  const pagesOf = (word, { terms, titleterms, docnames, titles }) => {
    const found = new Map();
    const note = (files, weight) => listed(files).forEach((file) => found.set(file, Math.max(found.get(file) ?? 0, weight)));
    const lookUp = (index, weight) => {
      if (Object.hasOwn(index, word)) note(index[word], weight);
      else if (word.length >= MIN_PART) Object.keys(index).filter((each) => each.includes(word)).forEach((each) => note(index[each], weight * PART_OF_WORD));
    };
    lookUp(terms, IN_TEXT);
    lookUp(titleterms, IN_HEADING);
    docnames.forEach((page, file) => isInTitle(word, page, titles[file]) && found.set(file, IN_TITLE));
    return found;
  };

  // Returns the heading of each page that shares most with the question, as [share, heading, anchor].
  const headings = (weights, { alltitles }) => {
    const best = new Map();
    for (const [heading, places] of Object.entries(alltitles)) {
      const words = [...stems(heading)];
      const shared = words.filter((word) => weights.has(word));
      const share = shared.length / Math.max(words.length, 1) * shared.reduce((sum, word) => sum + weights.get(word), 0);
      if (shared.length / words.length < MIN_HEADING_SHARE) continue;
      for (const [file, id] of places) if (share > (best.get(file)?.[0] ?? 0)) best.set(file, [share, heading, id]);
    }
    return best;
  };

  Search._performSearch = (query, words) => {
    const index = Search._index;
    document.getElementById("search-progress")?.replaceChildren();
    const weights = new Map(), scores = new Map();
    for (const word of words) {
      const found = pagesOf(word, index);
      if (!found.size) continue;
      const rarity = Math.log(1 + index.docnames.length / found.size);
      weights.set(word, rarity);
      for (const [file, weight] of found) scores.set(file, (scores.get(file) ?? 0) + weight * rarity);
    }
    const best = headings(weights, index);
    const results = [...scores].map(([file, score]) => {
      const [share, heading, id] = best.get(file) ?? [0, "", null];
      const title = index.titles[file], page = index.docnames[file];
      const shown = id ? `${title} › ${heading}` : title;
      return [page, shown, id ? `#${id}` : "", null, (score + IN_HEADING * share) * weightOf(page), index.filenames[file], SearchResultKind.text];
    });
    results.sort((one, other) => one[4] - other[4] || (one[1] < other[1] ? 1 : -1));
    return results.filter((each) => each[4] >= MIN_SHARE * results.at(-1)[4]);
  };
})();
