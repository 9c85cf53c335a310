# stuff.py PORT SECONDS [pass]: 300 honest votes for A, then one client votes B under ever new ids (bounded in time). With "pass" the room gives 300 passes.
from lib import *
import concurrent.futures as F
port, seconds, passes = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:] == ["pass"]
body = {"polls": [choice("Who wins?", 2)], "current_poll_index": 0, **({"voters": "pass", "max_voters": 300} if passes else {})}
p = json.loads(req(port, "POST", B + "/presentations", body)[2]); poll = pres(port, p)["polls"][0]["poll_id"]
def enter():
    s, _, d = req(port, "POST", P(p, "/voters"), {}) if passes else (201, 0, b"{}")
    return s, {"pass": json.loads(d)["pass"]} if "pass" in json.loads(d) else {"client_id": str(uuid.uuid4())}
vote = lambda key, who: req(port, "POST", P(p, "/polls/current/votes"), {"poll_id": poll, "key": key, **who})[0]
with F.ThreadPoolExecutor(8) as ex: list(ex.map(lambda _: vote("A", enter()[1]), range(300)))
end, entered, told = time.time() + seconds, {}, {}
while time.time() < end:
    s, who = enter(); entered[s] = entered.get(s, 0) + 1
    s = vote("B", who); told[s] = told.get(s, 0) + 1
print("passes %s, votes %s" % (entered if passes else "none", told), req(port, "GET", P(p, "/polls/%s/results" % poll))[2].decode())
