// Where others reach this server. What the operator says of it stands in the page.

const said = document.querySelector("meta[name=public-url]");

/** What links and QR codes begin with: the public address, or else the one by which this page was opened. */
export const publicBase = said ? said.content : location.origin;

/** The path that all of this server is below: "/polls", or empty. */
export const root = new URL(publicBase).pathname.replace(/\/$/, "");

/** Gives the names in this page's own path, as in ["stage", id]. A proxy may let it be opened without the root. */
export function here() {
  const { pathname } = location;
  const own = root && pathname.startsWith(`${root}/`) ? pathname.slice(root.length) : pathname;
  return own.slice(1).split("/");
}

/** Gives what a part of the address stands for, be it one that no link of ours holds. */
export function plain(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Where this page is in a frame, has the ways to pages that may be in none open a tab of their own. */
export function leaveFrames() {
  if (window === window.top) return;
  for (const link of document.querySelectorAll("a.brand, #log-in, #rate-link")) Object.assign(link, { target: "_blank", rel: "noopener" });
}

/** The same as people type it, without "http". */
export const publicHost = publicBase.split("//")[1];

/** Says whether a host, with or without a port, is one by which every machine means itself. */
export const meansItself = (host) => /^(localhost|.+\.localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])\.?(:\d+)?$/i.test(host);

/** Whether links lead other devices nowhere. */
export const unreachable = meansItself(new URL(publicBase).host);
