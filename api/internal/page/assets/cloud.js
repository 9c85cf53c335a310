// A word cloud: the word that most people named in the middle, the others around it, each as large
// as its votes make it. No two overlap. Places are found by arithmetic on boxes, so the same words
// in the same box always have the same sizes.
//
// Libraries for this (d3-cloud, wordcloud2.js) read the pixels of a canvas and begin at random
// places. Each change of a count would throw all words about, and a canvas has no text that can be
// selected or read aloud.

import { make } from "./dom.js";

const lineHeight = 1.3;
const steps = 6; // of weight: a small change of a count changes no size
const shrink = 0.93; // from one size that is tried to the next
const mostPoints = 4000; // that are looked at for a word's place
const hinted = 1.03; // how much wider than its share of 100 px a small font may be drawn
const golden = Math.PI * (3 - Math.sqrt(5));

const clamp = (low, n, high) => Math.min(Math.max(low, n), high);

/** Gives how much a word weighs, from 0 to 1, in steps. */
export function weigh(count, most) {
  return most > 1 ? Math.round(steps * Math.sqrt((count - 1) / (most - 1))) / steps : 0;
}

/**
 * Points of a box, from its middle outwards, evenly spread: a sunflower's seeds, as wide and high
 * as the box.
 */
function outwards(width, height, apart) {
  const n = clamp(1, Math.ceil((width * height * Math.PI) / 2 / (apart * apart)), mostPoints);
  return Array.from({ length: n }, (_, i) => {
    const r = Math.sqrt(i / n / 2); // of the width and of the height: the last ones are at the corners
    return [width * (0.5 + r * Math.cos(i * golden)), height * (0.5 + r * Math.sin(i * golden))];
  });
}

/**
 * Gives each box {w, h} the place [x, y] of its middle, or null where there is none. The first box
 * is in the middle. A box whose place is known keeps it where it still fits; the others, in their
 * order, get the free place that is nearest to the middle.
 */
function place(boxes, width, height, points, known) {
  const dot = { w: 0, h: 0 };
  const taken = [];
  let left = points; // that no box covers
  let hit = null; // the box in the way: mostly it is in the way of the next point, too
  const inTheWay = (x, y, a) => ({ x: bx, y: by, box: b }) =>
    2 * Math.abs(x - bx) < a.w + b.w && 2 * Math.abs(y - by) < a.h + b.h;
  const take = (point, box) => {
    if (box.w > width || box.h > height) return null;
    const x = clamp(box.w / 2, point[0], width - box.w / 2);
    const y = clamp(box.h / 2, point[1], height - box.h / 2);
    const hits = inTheWay(x, y, box);
    if (hit && hits(hit)) return null;
    hit = taken.find(hits) || null;
    if (hit) return null;
    taken.push({ x, y, box });
    const covers = inTheWay(x, y, box);
    left = left.filter(([px, py]) => !covers({ x: px, y: py, box: dot }));
    return [x, y];
  };
  const nearest = (box) => {
    for (const point of left) {
      const at = take(point, box);
      if (at) return at;
    }
    return null;
  };
  const places = boxes.map((box, i) => {
    if (i === 0) return take([width / 2, height / 2], box);
    return known[i] ? take(known[i], box) : null;
  });
  return places.map((at, i) => at || nearest(boxes[i]));
}

/**
 * Finds a size and a place for each word {wide, weight, tall}: how wide it is at a font of 1 px,
 * what it weighs, and how tall it is at the smallest font where the box is too narrow for it. The
 * words' unit is as large as possible, from most down to least px. Without a height the unit is
 * most, and the box as high as it takes. A word keeps its place of before, seen from the middle,
 * where it can. Gives {height, fonts, places}; a place is [x, y] or null.
 */
export function arrange(words, { width, height, most, least, before = [] }) {
  const boxesFor = (unit, part = 1) => words.map(({ wide, weight, tall }) => {
    const spread = part * clamp(0.6, (0.06 * width) / unit, 2.4);
    const font = Math.max(least, Math.min(unit * (1 + spread * weight), (width - 1) / wide));
    const wraps = wide * font > width;
    return { font, w: wraps ? width : Math.min(width, wide * font + 0.4 * unit), h: wraps ? tall : lineHeight * font };
  });
  const area = (boxes) => boxes.reduce((sum, { w, h }) => sum + w * h, 0);
  const all = (places) => places.every(Boolean);
  const settle = (boxes, high, points) => {
    const fresh = place(boxes, width, high, points, []);
    const known = before.map((at) => at && [at[0] + width / 2, at[1] + high / 2]);
    const kept = place(boxes, width, high, points, known);
    return { height: high, fonts: boxes.map(({ font }) => font), places: all(fresh) && all(kept) ? kept : fresh };
  };
  if (!height) {
    const boxes = boxesFor(Math.max(most, least));
    const tallest = boxes.reduce((highest, { h }) => Math.max(highest, h), 0);
    for (let high = Math.max(tallest, area(boxes) / width / 0.7); ; high *= 1.1) {
      const points = outwards(width, high, least / 2);
      if (all(place(boxes, width, high, points, []))) return settle(boxes, high, points);
    }
  }
  const points = outwards(width, height, least / 2);
  const fits = (boxes) => area(boxes) <= 0.8 * width * height && all(place(boxes, width, height, points, []));
  for (let unit = Math.max(most, least); unit > least; unit *= shrink) {
    const boxes = boxesFor(unit);
    if (fits(boxes)) return settle(boxes, height, points);
  }
  for (const part of [1, 0.8, 0.6, 0.4, 0.2]) { // of the difference between many votes and few
    const boxes = boxesFor(least, part);
    if (fits(boxes)) return settle(boxes, height, points);
  }
  return settle(boxesFor(least, 0), height, points);
}

/**
 * Draws words into a list: draw(items, room) with items {text, weight, item}, the most named
 * first, item being an element of the list. room is {width, height, least}; a room without a
 * height is made as high as it takes. It gives how many words have a place, or -1 where there is
 * nothing to see of the list yet.
 */
export function drawer(list) {
  let widths = new Map(); // by word, at a font of 1 px
  let places = new Map(); // by word, seen from the middle
  let drawnIn = ""; // the room in which they are

  function measure(items, width, least) {
    const probes = items.map(({ text }) => make("li", { class: "word probe", "aria-hidden": "true", dir: "auto" }, text));
    const unknown = probes.filter((_, i) => !widths.has(items[i].text));
    for (const probe of unknown) probe.style.fontSize = "100px";
    list.append(...unknown);
    const found = new Map(items.map(({ text }, i) => [text, widths.get(text) || hinted * probes[i].offsetWidth / 100]));
    for (const probe of unknown) probe.remove();
    widths = found;
    const wide = items.map(({ text }) => widths.get(text));
    const wrapped = probes.filter((_, i) => wide[i] * least > width);
    for (const probe of wrapped) {
      probe.style.fontSize = `${least}px`;
      probe.style.maxInlineSize = `${width}px`;
    }
    list.append(...wrapped);
    const tall = probes.map((probe) => probe.offsetHeight);
    for (const probe of wrapped) probe.remove();
    return items.map(({ weight }, i) => ({ wide: wide[i], weight, tall: tall[i] }));
  }

  return {
    forget() {
      widths = new Map();
    },
    draw(items, { width, height = 0, least = 14 }) {
      if (width <= 0) return -1;
      if (items.length === 0) {
        list.style.blockSize = "";
        return 0;
      }
      const most = parseFloat(getComputedStyle(list).fontSize);
      const room = [width, height, most, least].join(" ");
      const before = items.map(({ text }) => (room === drawnIn && places.get(text)) || null);
      const found = arrange(measure(items, width, least), { width, height, most, least, before });
      list.style.blockSize = height ? "" : `${Math.ceil(found.height)}px`;
      items.forEach(({ item }, i) => {
        const at = found.places[i];
        item.hidden = !at;
        if (!at) return;
        item.style.fontSize = `${found.fonts[i].toFixed(2)}px`;
        item.style.transform = `translate(${at[0].toFixed(1)}px, ${at[1].toFixed(1)}px) translate(-50%, -50%)`;
      });
      const middle = ([x, y]) => [x - width / 2, y - found.height / 2];
      places = new Map(items.map(({ text }, i) => [text, found.places[i] && middle(found.places[i])]));
      drawnIn = room;
      return found.places.filter(Boolean).length;
    },
  };
}
