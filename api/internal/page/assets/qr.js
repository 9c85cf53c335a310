// QR codes, which the server draws.

import { root } from "./address.js";

/** Gives the source of a picture with a text's QR code, or null where the server has none. */
export async function qr(text) {
  try {
    const headers = { "Content-Type": "text/plain" };
    const answer = await fetch(`${root}/qr.svg`, { method: "POST", headers, body: text, credentials: "omit" });
    return answer.ok ? `data:image/svg+xml,${encodeURIComponent(await answer.text())}` : null;
  } catch {
    return null;
  }
}
