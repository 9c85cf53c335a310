// A card that is swiped away, with a finger.

const enough = 80; // px until it is away

/**
 * Has the card in a place follow the finger, and calls away when it is swiped off: to the left, or to the right where text runs
 * from right to left.
 */
export function swipes(place, away) {
  const ahead = document.documentElement.dir === "rtl" ? 1 : -1;
  let from = null; // where the finger came down
  let moved = 0; // px, ahead

  function put(card, by) {
    card.style.transform = by > 0 ? `translateX(${by * ahead}px)` : "";
  }

  function end(done) {
    if (!from) return;
    put(from.card, 0);
    from = null;
    if (done && moved >= enough) away();
  }

  place.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch" || !event.isPrimary || !place.firstElementChild) return;
    from = { x: event.clientX, card: place.firstElementChild };
    moved = 0;
  });
  place.addEventListener("pointermove", (event) => {
    if (!from || !event.isPrimary) return;
    moved = (event.clientX - from.x) * ahead;
    put(from.card, moved);
  });
  place.addEventListener("pointerup", (event) => event.isPrimary && end(true));
  place.addEventListener("pointercancel", () => end(false));
}
