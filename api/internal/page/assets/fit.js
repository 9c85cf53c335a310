// What is on the wall fits the wall. Sizes are a function of what is shown and of the window, and
// of nothing else: the same slide in the same window always looks the same. Nothing that a size
// depends on has a transition, so each measure is of the end.

const steps = Array.from({ length: 45 }, (_, i) => 0.95 ** i);

/** The smallest font in px. It grows with walls that are seen from farther away. */
export const least = () => Math.max(14, Math.min(innerWidth * 0.0073, innerHeight * 0.013));

/**
 * Applies the first of several tries, from large to small, with which all fits, and else the last
 * one. It looks for it by halves. Gives its index, or -1 where none fits.
 */
export function first(tries, apply, fits) {
  const does = (i) => {
    apply(tries[i]);
    return fits();
  };
  if (does(0)) return 0;
  let [no, yes] = [0, tries.length - 1];
  if (!does(yes)) return -1;
  while (yes - no > 1) {
    const middle = (no + yes) >> 1;
    if (does(middle)) yes = middle;
    else no = middle;
  }
  does(yes);
  return yes;
}

/**
 * Gives {fit, forget} for a stage. fit(chart), with the slide's chart or null, fits its slide,
 * ticket and controls into the window; nothing is measured where nothing changed. forget() is for
 * what it cannot see: other fonts.
 */
export function fitter(stage) {
  const [slide, ticket, foot, question, place, covered] =
    ["#slide", ".ticket", ".stage-foot", "#question", "#chart", "#covered"].map((name) => stage.querySelector(name));
  let fitted = "";
  let chart = null;

  const set = (element, name, value) => element.style.setProperty(`--${name}`, value);
  const box = (element) => element.getBoundingClientRect();
  const sizeOf = (element, fits) => first(steps, (size) => set(element, "fit", size), fits);

  /**
   * What sizes depend on. A digit is as wide as any other, so a count that grows changes nothing
   * until it takes one more.
   */
  function shown() {
    const hidden = [...stage.querySelectorAll("[hidden]")].map((e) => e.id || e.className).join();
    const room = [innerWidth, innerHeight, slide.clientWidth, slide.clientHeight, foot.offsetHeight, ticket.offsetHeight];
    const said = [...stage.querySelectorAll(".said")].map((e) => e.textContent);
    return JSON.stringify([room, stage.className, place.className, hidden, said, stage.textContent.replace(/\p{Nd}/gu, "0")]);
  }

  /** Where the slide's content may end, and where it does. */
  const room = () => box(slide).bottom - parseFloat(getComputedStyle(slide).paddingBottom);
  const end = () => Math.max(...[question, covered, place.firstElementChild].filter((e) => e && !e.hidden).map((e) => box(e).bottom));
  const fits = () => end() <= room() + 0.5;
  const fitsAcross = () => place.scrollWidth <= place.clientWidth;
  const inside = () => box(foot).bottom <= innerHeight + 0.5;

  /**
   * Gives the question no more than a share of the slide, and gives whether that is enough. With
   * cuts its lines are cut where it is too long even at the smallest size.
   */
  function ask(share, cuts) {
    const lobby = stage.classList.contains("lobby"); // whose slide is as high as the question
    const high = share * (lobby ? innerHeight : room() - box(question).top);
    question.classList.remove("clamped");
    if (sizeOf(question, () => question.offsetHeight <= high) >= 0) return true;
    if (!cuts) return false;
    question.classList.add("clamped");
    set(question, "lines", Math.max(1, Math.floor(high / parseFloat(getComputedStyle(question).lineHeight))));
    return true;
  }

  function columns(n) {
    set(place, "columns", n);
    place.dataset.columns = n;
  }

  /**
   * Lays the chart into as few columns as let it be about as large as it can be. Gives whether it
   * fits.
   */
  function spread() {
    const most = Math.max(1, Math.min(chart.columns, Math.floor(place.clientWidth / (chart.column * least()))));
    let best = { size: steps.length - 1, n: most };
    let found = false;
    columns(1);
    set(place, "fit", steps[steps.length - 1]);
    const parts = (end() - box(place).top) / Math.max(1, room() - box(place).top) - 0.1; // how many columns it takes at least
    for (let n = 1; n <= most && !(found && best.size < 5); n++) {
      if (n < parts) continue;
      columns(n);
      const better = found ? steps.slice(0, best.size - 1) : steps; // one more column is worth more than a step
      const size = first(better, (one) => set(place, "fit", one), () => fits() && fitsAcross());
      if (size < 0) continue;
      best = { size, n };
      found = true;
    }
    columns(best.n);
    set(place, "fit", steps[best.size]);
    return found;
  }

  /**
   * Cuts texts at the smallest size, and leaves out what has no room even so. Gives whether
   * anything of the chart is left.
   */
  function cut() {
    stage.classList.add("cut");
    let n = Math.max(1, Math.min(chart.columns, Math.floor(place.clientWidth / (1.6 * chart.column * least()))));
    for (columns(n); n > 1 && !fitsAcross(); n--) columns(n - 1);
    if (first([20, 16, 13, 11, 9, 8, 7, 6, 5, 4, 3, 2, 1], (lines) => set(place, "lines", lines), fits) >= 0) return true;
    const items = chart.items();
    for (const lines of place.matches(".kind-open_text") ? [4, 2, 1] : [1]) { // fewer answers, but more of each
      set(place, "lines", lines);
      chart.limit(items.length - 1);
      const rest = box(place).bottom - Math.max(...items.map((item) => box(item).bottom));
      const here = items.filter((item) => !item.hidden && box(item).bottom + rest <= room() + 0.5).length;
      for (let some = Math.min(items.length - 1, here); some > 0; some--) {
        chart.limit(some);
        if (fits()) return true;
      }
    }
    return false;
  }

  /** Draws a cloud into the room that the question leaves. Gives whether there is any. */
  function pour() {
    if (place.clientHeight < 3 * least()) return false;
    chart.fill({ width: place.clientWidth, height: place.clientHeight, least: least() });
    return true;
  }

  /** Fits the slide's content into the slide. Gives whether it does fit. */
  function fitSlide() {
    if (!chart) {
      ask(1, true);
      return fits();
    }
    if (chart.fill) {
      ask(0.35, true);
      return pour();
    }
    if (fits()) return true;
    ask(0.45, false);
    if (spread()) return true;
    if (!ask(0.15, false)) ask(0.25, true); // before anything of the chart is cut
    return spread() || cut();
  }

  /**
   * Fits all of it, and gives whether it does fit. In a tight window what is around the slide
   * takes less room.
   */
  function fitStage(tight) {
    const lobby = stage.classList.contains("lobby");
    stage.classList.remove("cut", "scrolls");
    stage.classList.toggle("tight", tight);
    question.classList.remove("clamped");
    for (const one of [question, place, ticket]) set(one, "fit", 1);
    columns(1);
    set(stage, "least", `${least()}px`);
    if (chart && chart.limit) chart.limit(Infinity);
    if (lobby) ask(0.3, true);
    const above = () => !lobby && box(ticket).bottom <= box(slide).top + 1; // in a narrow window
    const ends = () => (above() ? box(slide).top <= 0.35 * innerHeight : box(ticket).bottom <= box(foot).top + 0.5);
    const well = sizeOf(ticket, ends) >= 0;
    return inside() && (well || tight && above()) && (lobby || fitSlide());
  }

  /** Lays the stage out as what does not fit: the page is scrolled. */
  function scroll() {
    stage.classList.remove("cut");
    stage.classList.add("scrolls");
    question.classList.remove("clamped");
    for (const one of [question, place, ticket]) set(one, "fit", 0.5);
    columns(1);
    if (chart && chart.limit) chart.limit(Infinity);
    if (chart && chart.fill) chart.fill({ width: place.clientWidth, least: least() });
  }

  return {
    fit(now) {
      if (stage.hidden) return;
      const same = now === chart && shown() === fitted;
      chart = now;
      if (!same) {
        if (!fitStage(false) && !fitStage(true)) scroll();
        fitted = shown();
      } else if (chart && chart.fill && !stage.classList.contains("scrolls")) pour(); // its words may weigh more
    },
    forget() {
      fitted = "";
      if (chart && chart.forget) chart.forget();
    },
  };
}
