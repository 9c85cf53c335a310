"""Helpers for the abuse scripts: plain HTTP to an API on loopback. How to call each script: see its first line.
HOST (default 127.0.0.1) must be a loopback address; nothing else is ever a target."""
import http.client, json, os, random, re, socket, sys, time, uuid
HOST = os.environ.get("HOST", "127.0.0.1"); assert HOST.startswith("127.")
B = "/api/v1"
def req(port, method, path, body=None, headers=None, timeout=20):
    c = http.client.HTTPConnection(HOST, port, timeout=timeout); h = dict(headers or {})
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body, ensure_ascii=False).encode(); h.setdefault("Content-Type", "application/json")
    c.request(method, path, body, h); r = c.getresponse(); d = r.read(); c.close()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, d
def create(port, polls, title="t", idx=None):
    b = {"title": title, "polls": polls}
    if idx is not None: b["current_poll_index"] = idx
    s, h, d = req(port, "POST", B + "/presentations", b); assert s == 201, (s, d[:300]); return json.loads(d)
def auth(p): return {"Authorization": "Bearer " + p["presenter_token"]}
def P(p, rest=""): return B + "/presentations/" + p["presentation_id"] + rest
def pres(port, p): return json.loads(req(port, "GET", P(p), headers=auth(p))[2])
def choice(q="q", n=3, **k): return dict(question=q, options=[{"key": chr(65 + i), "value": "v%d" % i} for i in range(n)], **k)
def rss(pid):
    try: return int([l for l in open("/proc/%d/status" % pid) if l.startswith("VmRSS")][0].split()[1]) // 1024
    except (IndexError, OSError): return "the process has died"
