-- wrk: votes in the feed, or readings of it. What there is comes from the environment, see internal/bench/feed.go.
--
-- Every account votes on every poll once: the n-th vote is of account n % accounts. All of them vote on the same poll at a
-- time, or each on another one. No response(), see vote.lua.

local function lines(name)
  local all = {}
  for line in io.lines(os.getenv(name)) do
    all[#all + 1] = line
  end
  return all
end

function init()
  accounts, polls, number = lines("FEED_TOKENS"), lines("FEED_POLLS"), 0
  hot, read = os.getenv("FEED_HOT") == "1", os.getenv("FEED_READ")
  for i, token in ipairs(accounts) do
    accounts[i] = "Authorization: Bearer " .. token .. "\r\n\r\n"
  end
  for i, id in ipairs(polls) do
    polls[i] = "POST /api/v1/polls/" .. id .. "/vote HTTP/1.1\r\nHost: plenary\r\nContent-Type: application/json\r\n" ..
      "Content-Length: 18\r\n"
  end
  if read ~= "" then
    read = "GET " .. read .. " HTTP/1.1\r\nHost: plenary\r\n"
    request = reading
  end
end

function reading()
  number = number + 1
  return read .. accounts[number % #accounts + 1]
end

function request()
  local account, poll = number % #accounts, math.floor(number / #accounts)
  if poll >= #polls then
    error("there are no more votes: wrk is faster than was thought")
  end
  if not hot then
    poll = (poll + account) % #polls
  end
  number = number + 1
  return polls[poll + 1] .. accounts[account + 1] .. '{"option_index":' .. number % 3 .. "}"
end

function done(summary)
  io.write(string.format('\nJSON {"requests":%d,"micros":%d,"refused":%d,"broken":%d}\n', summary.requests, summary.duration,
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
