// Cards that are dragged by their handles. A card moves along, and stays where it is let go. Buttons
// elsewhere do the same without a mouse.

/** Lets the cards of a list be dragged. moved is called with them in their new order. */
export function dragging(list, moved) {
  let card = null;
  list.addEventListener("dragstart", (event) => {
    card = event.target.closest?.(".handle")?.closest(".poll") ?? null;
    if (!card) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
    event.dataTransfer.setDragImage(card, 20, 20);
    card.classList.add("dragged");
  });
  list.addEventListener("dragover", (event) => {
    if (!card) return;
    event.preventDefault();
    const over = event.target.closest(".poll");
    if (!over || over === card) return;
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(card);
    else over.after(card);
  });
  list.addEventListener("drop", (event) => card && event.preventDefault());
  list.addEventListener("dragend", () => {
    if (!card) return;
    card.classList.remove("dragged");
    card = null;
    moved([...list.children]);
  });
}
