// A rest between two tries. It ends early when there is a reason to try again: there is a connection, or somebody looks.

const sleepers = new Set();

/** Waits for so many seconds at most. wake ends it at once: it is called with the function that does. */
export function rest(seconds, wake = () => {}) {
  return new Promise((resolve) => {
    const timer = setTimeout(end, seconds * 1000);
    function end() {
      clearTimeout(timer);
      sleepers.delete(end);
      resolve();
    }
    sleepers.add(end);
    wake(end);
  });
}

const wakeAll = () => [...sleepers].forEach((end) => setTimeout(end, Math.random() * 500)); // not all phones at the same moment
addEventListener("online", wakeAll);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wakeAll());
