// Where others reach this server. What the operator says of it stands in the page.

/** What links and QR codes begin with: the public address, or else the one by which this page was opened. */
export const publicBase = document.querySelector("meta[name=public-url]")?.content ?? location.origin;

/** The same as people type it, without "http". */
export const publicHost = publicBase.split("//")[1];

/** Says whether a host, with or without a port, is one by which every machine means itself. */
export const meansItself = (host) => /^(localhost|.+\.localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])\.?(:\d+)?$/i.test(host);

/** Whether links lead other devices nowhere. */
export const unreachable = meansItself(publicHost);
