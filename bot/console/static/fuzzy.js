// Finds what someone means from a few letters.

/**
 * The items that match, best first, each with the positions of the letters that matched.
 * A beginning counts more than the beginning of a word, that more than a part, that more than letters in
 * order; what only its description has comes last.
 */
export function rank(typed, items, wordsOf, aboutOf = () => "") {
  const query = typed.toLowerCase();
  return items
    .map((item, order) => ({ item, order, ...score(query, wordsOf(item).toLowerCase(), aboutOf(item)) }))
    .filter((found) => found.points > 0)
    .sort((a, b) => b.points - a.points || a.order - b.order);
}

function score(query, words, about) {
  if (!query) return { points: 1, at: [], begins: false };
  const span = (from) => Array.from(query, (_, i) => from + i);
  if (words.startsWith(query)) return { points: 100 - words.length / 100, at: span(0), begins: true };
  const inside = words.indexOf(query);
  if (inside > 0) {
    const starts = /[^\p{L}\p{N}]/u.test(words[inside - 1]);
    return { points: (starts ? 80 : 60) - inside / 100, at: span(inside), begins: false };
  }
  const at = inOrder(query, words);
  if (at) return { points: 40 - (at.at(-1) - at[0]) / 10, at, begins: false };
  if (query.length > 2 && about.toLowerCase().includes(query)) return { points: 10, at: [], begins: false };
  return { points: 0, at: [], begins: false };
}

function inOrder(query, words) {
  const at = [];
  let from = 0;
  for (const letter of query) {
    if (letter === " ") continue;
    const found = words.indexOf(letter, from);
    if (found < 0) return null;
    at.push(found);
    from = found + 1;
  }
  return at.length ? at : null;
}
